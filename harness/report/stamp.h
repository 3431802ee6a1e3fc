/* stamp.h - where a picture comes from, written into its file: title, machine, database and command
 * as an SVG's title and description, a PDF's document information, a PNG's text (with its
 * resolution), and a comment in LaTeX. */
#ifndef MIDL_STAMP_H
#define MIDL_STAMP_H

#include "base/error.h"

/* Text from the columns of a figure, to be freed by stamp_clear(). */
struct stamp {
    char *title; /* of the figure */
    char *text;  /* its notes, its caption and the lines of its comment, one per line */
};

/* Read the stamp of a figure from its columns. NULL members: there is no memory or no file. */
struct stamp stamp_read(const char *columns_path);
void stamp_clear(struct stamp *stamp);

/* Write the stamp into a picture; the ending of its name tells the kind. A .tex also learns to find
 * the picture behind it, NAME-inc.pdf: beside itself, or in `folder`. `resolution` in dots per inch
 * goes into a PNG. Another kind of file stays as it is. */
enum outcome stamp_file(const char *path, const struct stamp *stamp, const char *folder,
                        int resolution, struct error *error);

#endif
