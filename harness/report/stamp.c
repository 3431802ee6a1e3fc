/* stamp.c - where a picture comes from, written into its file. Each kind of file has a place for
 * that; what gnuplot wrote there before is replaced. */
#define _GNU_SOURCE /* open_memstream, memmem */
#include "report/stamp.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/file.h"
#include "base/xml.h"

#define METRE_INCHES 39.37007874
#define PNG_HEADER_END 33 /* after the first chunk, the header */
#define PDF_TAIL 2048     /* the trailer lies within that from the end */

/* A file in memory; NULL data: there is none. */
struct bytes {
    char *data;
    size_t count;
};

/* ---- The stamp ------------------------------------------------------------------------------- */

/* The text of a row of this kind: its tenth column, without quotes. */
static bool row_text(const char *line, const char *kind, char *ret, size_t size)
{
    size_t length = strlen(kind);
    const char *last = strrchr(line, '\t');
    if (*line == '"')
        line++;
    if (strncmp(line, kind, length) != 0 || !strchr("\"\t", line[length]) || !last)
        return false;
    last++;
    last += *last == '"';
    length = strcspn(last, "\"\n");
    snprintf(ret, size, "%.*s", (int)(length < size ? length : size - 1), last);
    return true;
}

struct stamp stamp_read(const char *columns_path)
{
    struct stamp stamp = {NULL, NULL};
    char line[4096], text[4096], title[1024] = "", subject[1024] = "";
    size_t size = 0;
    FILE *in = fopen(columns_path, "r"), *out = in ? open_memstream(&stamp.text, &size) : NULL;
    while (out && fgets(line, sizeof line, in)) {
        if (strncmp(line, "## ", 3) == 0)
            fputs(line + 3, out);
        else if (row_text(line, "note", text, sizeof text) ||
                 row_text(line, "caption", text, sizeof text))
            fprintf(out, "%s\n", text);
        else if (!row_text(line, "title", title, sizeof title))
            row_text(line, "subject", subject, sizeof subject);
    }
    if (out && fclose(out) == 0)
        stamp.title = strdup(*title ? title : subject);
    if (in)
        fclose(in);
    return stamp;
}

void stamp_clear(struct stamp *stamp)
{
    free(stamp->title);
    free(stamp->text);
    *stamp = (struct stamp){NULL, NULL};
}

/* ---- Files in memory ------------------------------------------------------------------------- */

static struct bytes read_all(const char *path)
{
    struct bytes bytes = {NULL, 0};
    FILE *in = fopen(path, "rb"), *out = in ? open_memstream(&bytes.data, &bytes.count) : NULL;
    char part[16384];
    for (size_t got; out && (got = fread(part, 1, sizeof part, in)) > 0;)
        fwrite(part, 1, got, out);
    if (out)
        fclose(out);
    if (in)
        fclose(in);
    return bytes;
}

static const char *find(struct bytes bytes, const char *text)
{
    return memmem(bytes.data, bytes.count, text, strlen(text));
}

/* ---- SVG ------------------------------------------------------------------------------------- */

/* Write what comes before the end of the element, with `text` as its content; nothing if it is not
 * there. */
static void put_element(struct bytes *rest, const char *begin, const char *end, const char *text,
                        FILE *out)
{
    const char *from = find(*rest, begin), *to = from ? find(*rest, end) : NULL;
    if (!to || to < from)
        return;
    from += strlen(begin);
    fwrite(rest->data, 1, (size_t)(from - rest->data), out);
    xml_put(text, out);
    rest->count -= (size_t)(to - rest->data);
    rest->data += to - rest->data;
}

static void put_svg(struct bytes bytes, const struct stamp *stamp, FILE *out)
{
    put_element(&bytes, "<title>", "</title>", stamp->title, out);
    put_element(&bytes, "<desc>", "</desc>", stamp->text, out);
    fwrite(bytes.data, 1, bytes.count, out);
}

/* ---- PNG ------------------------------------------------------------------------------------- */

static void put_be32(uint32_t value, FILE *out)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        putc((int)(value >> shift & 0xff), out);
}

static void put_chunk(const char kind[5], struct bytes content, FILE *out)
{
    uLong sum = crc32(crc32(0, NULL, 0), (const Bytef *)kind, 4);
    put_be32((uint32_t)content.count, out);
    fwrite(kind, 1, 4, out);
    fwrite(content.data, 1, content.count, out);
    put_be32((uint32_t)crc32(sum, (const Bytef *)content.data, (uInt)content.count), out);
}

/* An iTXt chunk: keyword, no compression, no language, UTF-8 text. */
static void put_text_chunk(const char *keyword, const char *text, FILE *out)
{
    struct bytes content = {NULL, 0};
    FILE *stream = open_memstream(&content.data, &content.count);
    if (!stream)
        return;
    fwrite(keyword, 1, strlen(keyword) + 1, stream);
    fwrite("\0\0\0\0", 1, 4, stream);
    fputs(text, stream);
    if (fclose(stream) == 0)
        put_chunk("iTXt", content, out);
    free(content.data);
}

static void put_png(struct bytes bytes, const struct stamp *stamp, int resolution, FILE *out)
{
    uint32_t per_metre = (uint32_t)(resolution * METRE_INCHES + 0.5);
    char physical[9];
    for (int i = 0; i < 8; i++)
        physical[i] = (char)(per_metre >> (24 - 8 * (i % 4)) & 0xff);
    physical[8] = 1; /* the unit is the metre */
    fwrite(bytes.data, 1, PNG_HEADER_END, out);
    put_chunk("pHYs", (struct bytes){physical, 9}, out);
    put_text_chunk("Title", stamp->title, out);
    put_text_chunk("Description", stamp->text, out);
    fwrite(bytes.data + PNG_HEADER_END, 1, bytes.count - PNG_HEADER_END, out);
}

/* ---- PDF ------------------------------------------------------------------------------------- */

/* A text string: UTF-16 in hexadecimal, from UTF-8. */
static void put_pdf_text(const char *text, FILE *out)
{
    fputs("<FEFF", out);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        unsigned code = *c;
        int more = *c >= 0xf0 ? 3 : *c >= 0xe0 ? 2 : *c >= 0xc0 ? 1 : 0;
        if (more)
            code &= 0x3fu >> more;
        for (; more > 0 && (c[1] & 0xc0) == 0x80; more--)
            code = code << 6 | (*++c & 0x3f);
        if (code < 0x10000)
            fprintf(out, "%04X", code);
    }
    fputs(">", out);
}

/* The number after `key` in the trailer, or -1. */
static long trailer_number(const char *trailer, const char *key)
{
    const char *at = strstr(trailer, key);
    return at ? strtol(at + strlen(key), NULL, 10) : -1;
}

/* The end of a file, from which an update goes on: the classic trailer, or the dictionary of a
 * stream of cross-references, which newer libraries write instead. */
struct pdf_end {
    bool stream;
    long size, root, table; /* objects, the root's number, where the cross-references begin */
};

/* A copy that strstr() can search, of at most PDF_TAIL bytes; free() it. */
static char *pdf_text(struct bytes bytes, size_t from)
{
    size_t length = bytes.count - from < PDF_TAIL ? bytes.count - from : PDF_TAIL;
    char *text = malloc(length + 1);
    for (size_t i = 0; text && i < length; i++)
        text[i] = bytes.data[from + i] ? bytes.data[from + i] : ' ';
    if (text)
        text[length] = '\0';
    return text;
}

static bool pdf_find_end(struct bytes bytes, struct pdf_end *ret)
{
    char *tail = pdf_text(bytes, bytes.count > PDF_TAIL ? bytes.count - PDF_TAIL : 0);
    char *trailer = tail ? strstr(tail, "trailer") : NULL;
    struct pdf_end end = {.stream = !trailer,
                          .table = tail ? trailer_number(tail, "startxref") : -1};
    char *stream = NULL;
    if (end.stream && end.table >= 0 && (size_t)end.table < bytes.count)
        stream = pdf_text(bytes, (size_t)end.table);
    char *dictionary = trailer ? trailer : stream;
    char *data = stream ? strstr(stream, "stream") : NULL;
    if (data)
        *data = '\0';
    end.size = dictionary ? trailer_number(dictionary, "/Size") : -1;
    end.root = dictionary ? trailer_number(dictionary, "/Root") : -1;
    free(tail);
    free(stream);
    *ret = end;
    return end.size >= 0 && end.root >= 0 && end.table >= 0;
}

/* One entry of a stream of cross-references: in use, at this offset. */
static void put_pdf_entry(long offset, FILE *out)
{
    putc(1, out);
    for (int shift = 24; shift >= 0; shift -= 8)
        putc((int)(offset >> shift & 0xff), out);
    putc(0, out);
}

/* Add an object of document information at the end, as an incremental update of the file. */
static void put_pdf(struct bytes bytes, const struct stamp *stamp, FILE *out)
{
    struct pdf_end end;
    fwrite(bytes.data, 1, bytes.count, out);
    if (!pdf_find_end(bytes, &end))
        return;
    putc('\n', out);
    long object = ftell(out);
    fprintf(out, "%ld 0 obj\n<< /Title ", end.size);
    put_pdf_text(stamp->title, out);
    fputs("\n/Subject ", out);
    put_pdf_text(stamp->text, out);
    fputs("\n/Creator (midl) >>\nendobj\n", out);
    long update = ftell(out);
    if (end.stream) {
        fprintf(out,
                "%ld 0 obj\n<< /Type /XRef /Size %ld /Index [%ld 2] /W [1 4 1] /Root %ld 0 R "
                "/Info %ld 0 R /Prev %ld /Length 12 >>\nstream\n",
                end.size + 1, end.size + 2, end.size, end.root, end.size, end.table);
        put_pdf_entry(object, out);
        put_pdf_entry(update, out);
        fprintf(out, "\nendstream\nendobj\nstartxref\n%ld\n%%%%EOF\n", update);
        return;
    }
    fprintf(out,
            "xref\n%ld 1\n%010ld 00000 n \ntrailer\n<< /Size %ld /Root %ld 0 R /Info %ld 0 R "
            "/Prev %ld >>\nstartxref\n%ld\n%%%%EOF\n",
            end.size, object, end.size + 1, end.root, end.size, end.table, update);
}

/* ---- LaTeX ----------------------------------------------------------------------------------- */

static void put_comment(const char *text, FILE *out)
{
    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        fprintf(out, "%% %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

/* The picture behind the text is looked for beside the .tex, where LaTeX tells where that is, then
 * where it was made. */
static void put_tex(struct bytes bytes, const struct stamp *stamp, const char *folder, FILE *out)
{
    static const char include[] = "]{", ending[] = "-inc}}%";
    const char *picture = find(bytes, "\\put(0,0){\\includegraphics");
    size_t before = picture ? (size_t)(picture - bytes.data) : bytes.count;
    struct bytes rest = {bytes.data + before, bytes.count - before};
    const char *begin = picture ? find(rest, include) : NULL;
    const char *end = begin ? find(rest, ending) : NULL;
    put_comment(stamp->title, out);
    put_comment(stamp->text, out);
    if (!end) {
        fwrite(bytes.data, 1, bytes.count, out);
        return;
    }
    begin += strlen(include);
    int length = (int)(end - begin);
    fprintf(out,
            "\\begingroup\\def\\midlpicture{%.*s-inc}%%\n"
            "\\ifdefined\\CurrentFilePath\\ifx\\CurrentFilePath\\empty\\else\n"
            "\\IfFileExists{\\CurrentFilePath/\\midlpicture.pdf}"
            "{\\edef\\midlpicture{\\CurrentFilePath/\\midlpicture}}{}\\fi\\fi\n"
            "\\IfFileExists{\\midlpicture.pdf}{}{\\def\\midlpicture{%s/%.*s-inc}}%%\n",
            length, begin, folder, length, begin);
    fwrite(bytes.data, 1, (size_t)(begin - bytes.data), out);
    fputs("\\midlpicture", out);
    end += strlen("-inc");
    fwrite(end, 1, bytes.count - (size_t)(end - bytes.data), out);
    fputs("\\endgroup\n", out);
}

/* ---- Any ------------------------------------------------------------------------------------- */

enum outcome stamp_file(const char *path, const struct stamp *stamp, const char *folder,
                        int resolution, struct error *error)
{
    const char *ending = strrchr(path, '.');
    struct bytes before = read_all(path), after = {NULL, 0};
    FILE *out = before.data ? open_memstream(&after.data, &after.count) : NULL;
    enum outcome outcome = OUTCOME_DONE;
    if (!out || !stamp->title || !stamp->text || !ending) {
        outcome = fail_memory(error, "a picture", (double)before.count);
    } else if (strcmp(ending, ".svg") == 0) {
        put_svg(before, stamp, out);
    } else if (strcmp(ending, ".png") == 0 && before.count > PNG_HEADER_END) {
        put_png(before, stamp, resolution, out);
    } else if (strcmp(ending, ".pdf") == 0) {
        put_pdf(before, stamp, out);
    } else if (strcmp(ending, ".tex") == 0 && !strstr(path, "-caption.tex")) {
        put_tex(before, stamp, folder, out);
    } else {
        fwrite(before.data, 1, before.count, out);
    }
    if (out && fclose(out) != 0 && !outcome)
        outcome = fail_memory(error, "a picture", (double)before.count);
    errno = 0;
    FILE *file = outcome ? NULL : fopen(path, "wb");
    bool written = file && fwrite(after.data, 1, after.count, file) == after.count;
    if (file && fclose(file) != 0)
        written = false;
    if (!outcome && !written)
        outcome = fail(error, OUTCOME_MACHINE, "cannot write %.300s: %s", path,
                       file_write_reason(path, errno));
    free(before.data);
    free(after.data);
    return outcome;
}
