/* gnuplot.h - starting gnuplot and telling what became of it. No shell takes part: names of files
 * and folders may hold anything. */
#ifndef MIDL_GNUPLOT_H
#define MIDL_GNUPLOT_H

#include <stddef.h>

#include "base/error.h"

#define FIGURE_FILES_MAX 3
#define GNUPLOT_PNG_RESOLUTION 200 /* dots per inch, as in plots/common.gp */

/* One file that a format yields: NAME + made is what gnuplot writes, NAME + kept its final name;
 * the file is whole if it ends in `ending`. */
struct figure_file {
    const char *made, *kept, *ending;
};

struct figure_format {
    const char *name, *terminal;
    struct figure_file files[FIGURE_FILES_MAX]; /* those behind the last are all NULL */
};

/* Walk over the formats: svg, pdf, png, tex. */
size_t figure_format_count(void);
const struct figure_format *figure_format_at(size_t i);

/* The time that one picture may take, in seconds: 120. Tests shorten it. */
extern double gnuplot_limit_s;

/* Whether gnuplot is there, new enough and built for these formats. */
enum outcome gnuplot_check(const struct figure_format *const *formats, size_t count,
                           struct error *error);

/* Draw figure `name` by scripts/common.gp and scripts/NAME.gp: in `folder`, which holds NAME.tsv
 * and receives the format's files; `width_cm` of the page, 0: as the figure wants. The files are
 * whole if this succeeds. */
enum outcome gnuplot_draw(const char *folder, const char *scripts, const char *name,
                          double width_cm, const struct figure_format *format, struct error *error);

#endif
