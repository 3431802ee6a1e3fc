/* flop_count.c - FLOPs from counted instructions: see flop_count.h. */
#define _GNU_SOURCE /* dl_iterate_phdr */
#include "counters/flop_count.h"

#include <fcntl.h>
#include <link.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "counters/callgrind_file.h"

#define INSTRUCTION_BYTES 15

#if defined(__x86_64__)
enum { DECODABLE = 1 }; /* the instructions of this processor */
#else
enum { DECODABLE = 0 };
#endif

/* ---- Decoding -------------------------------------------------------------------------------- */

/* The parts of an encoding that decide, in the manual's words. */
struct opcode {
    int map;      /* 1: 0F, 2: 0F 38 */
    int prefix;   /* pp: 0 none, 1: 66, 2: F3, 3: F2 */
    int bits;     /* of a vector: 128 or 256 */
    bool wide;    /* W: double precision, in map 2 */
    uint8_t code; /* the opcode byte */
};

/* Legacy: prefixes in any order, REX last, then 0F. */
static bool decode_legacy(const unsigned char *code, size_t size, struct opcode *ret)
{
    static const unsigned char prefixes[] = {0, 0x66, 0xf3, 0xf2};
    size_t at = 0;
    *ret = (struct opcode){.map = 1, .bits = 128};
    for (bool more = true; more && at < size; at += more) {
        more = false;
        for (int i = 1; i < 4; i++)
            if (code[at] == prefixes[i]) {
                ret->prefix = i > ret->prefix ? i : ret->prefix; /* F3 and F2 outrank 66 */
                more = true;
            }
        more = more || (code[at] >= 0x26 && (code[at] | 0x18) == 0x3e) || code[at] == 0x64 ||
               code[at] == 0x65 || code[at] == 0x67; /* segments, address size */
    }
    at += at < size && (code[at] & 0xf0) == 0x40; /* REX */
    if (at + 1 >= size || code[at] != 0x0f)
        return false;
    ret->code = code[at + 1];
    return true;
}

static bool decode_vex(const unsigned char *code, size_t size, struct opcode *ret)
{
    bool is_short = size >= 3 && code[0] == 0xc5, is_long = size >= 4 && code[0] == 0xc4;
    if (!is_short && !is_long)
        return false;
    unsigned last = is_short ? code[1] : code[2]; /* vvvv, L, pp */
    *ret = (struct opcode){.map = is_short ? 1 : code[1] & 0x1f,
                           .prefix = (int)(last & 3),
                           .bits = last & 4 ? 256 : 128,
                           .wide = is_long && code[2] & 0x80,
                           .code = is_short ? code[2] : code[3]};
    return true;
}

/* The lanes of an operation of map 1: packed singles, packed doubles, one single, one double. */
static double lanes(const struct opcode *opcode)
{
    switch (opcode->prefix) {
    case 0:
        return opcode->bits / 32;
    case 1:
        return opcode->bits / 64;
    default:
        return 1;
    }
}

static double flops_of_opcode(const struct opcode *opcode)
{
    if (opcode->map == 1) {
        switch (opcode->code) {
        case 0x51: /* sqrt */
        case 0x58: /* add */
        case 0x59: /* mul */
        case 0x5c: /* sub */
        case 0x5e: /* div */
            return lanes(opcode);
        case 0x7c: /* hadd, hsub, addsub: 66 doubles, F2 singles */
        case 0x7d:
        case 0xd0:
            return opcode->prefix == 1   ? opcode->bits / 64
                   : opcode->prefix == 3 ? opcode->bits / 32
                                         : 0;
        default:
            return 0;
        }
    }
    /* Fused: 96..9F, A6..AF, B6..BF; from 8 on, odd ones are of one lane. */
    int row = opcode->code >> 4, column = opcode->code & 15;
    if (opcode->map != 2 || opcode->prefix != 1 || row < 9 || row > 11 || column < 6)
        return 0;
    bool scalar = column >= 8 && column & 1;
    return 2.0 * (scalar ? 1 : opcode->bits / (opcode->wide ? 64 : 32));
}

double flops_of_instruction(const unsigned char *code, size_t size)
{
    struct opcode opcode;
    if (!decode_vex(code, size, &opcode) && !decode_legacy(code, size, &opcode))
        return 0;
    return flops_of_opcode(&opcode);
}

/* ---- Where the code is ----------------------------------------------------------------------- */

/* The object that the lines of the dump are about, and what must be added to its addresses. */
struct object {
    const char *path;    /* as callgrind names it */
    char self[4096];     /* of this program */
    uintptr_t base, end; /* `end` is counted from the base */
    bool found;
};

static int match_object(struct dl_phdr_info *info, size_t size, void *data)
{
    struct object *object = data;
    const char *name = info->dlpi_name && *info->dlpi_name ? info->dlpi_name : object->self;
    (void)size;
    if (strcmp(name, object->path) != 0 && !file_same(name, object->path))
        return 0;
    object->base = info->dlpi_addr;
    object->end = 0;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t end = info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
        if (info->dlpi_phdr[i].p_type == PT_LOAD && end > object->end)
            object->end = end;
    }
    object->found = true;
    return 1;
}

/* "???": code that belongs to no file, made at run time; its addresses are those of memory. */
static bool object_find(const char *path, struct object *ret)
{
    ssize_t length = readlink("/proc/self/exe", ret->self, sizeof ret->self - 1);
    ret->self[length < 0 ? 0 : length] = '\0';
    ret->path = path;
    ret->base = ret->end = 0;
    ret->found = strcmp(path, "???") == 0;
    if (!ret->found)
        dl_iterate_phdr(match_object, ret);
    return ret->found;
}

/* ---- The dump
 * ------------------------------------------------------------------------------------
 */

struct dump_reader {
    int memory; /* /proc/self/mem: reading what isn't mapped fails there, and no more */
    struct object object;
    char path[4096];
    bool inclusive; /* the next line of costs is of a called function: counted where it ran */
    double flops;
};

static unsigned hexadecimal(char digit)
{
    return digit <= '9' ? (unsigned)(digit - '0') : (unsigned)(digit - 'a') + 10;
}

/* "0xADDRESS COUNT ..."; callgrind leaves out zeros at the end of a line. */
static bool read_cost(const char *line, uintptr_t *ret_address, double *ret_times)
{
    uintptr_t address = 0;
    size_t digits = strspn(line + 2, "0123456789abcdef");
    const char *count = line + 2 + digits;
    if (digits < 1 || digits > 2 * sizeof address || (*count != ' ' && *count != '\n'))
        return false;
    for (size_t i = 0; i < digits; i++)
        address = address << 4 | hexadecimal(line[2 + i]);
    count += *count == ' ';
    *ret_times = 0;
    if (*count != '\n' && !callgrind_number(count, ret_times))
        return false;
    *ret_address = address;
    return true;
}

static bool add_cost(struct dump_reader *reader, const char *line, size_t length,
                     char reason[COUNTER_REASON_SIZE])
{
    unsigned char code[INSTRUCTION_BYTES];
    uintptr_t address;
    double times;
    if (!read_cost(line, &address, &times)) {
        snprintf(reason, COUNTER_REASON_SIZE, "callgrind's file has no address and count: %.*s",
                 (int)(length < 40 ? length : 40), line);
        return false;
    }
    if (reader->inclusive) {
        reader->inclusive = false;
        return true;
    }
    if (!reader->object.found) {
        snprintf(reason, COUNTER_REASON_SIZE, "the code of %.80s isn't mapped", reader->path);
        return false;
    }
    /* Beyond the object lies code made at run time, which callgrind took for its caller's. */
    uintptr_t base = address < reader->object.end ? reader->object.base : 0;
    ssize_t size = pread(reader->memory, code, sizeof code, (off_t)(base + address));
    if (size <= 0) {
        snprintf(reason, COUNTER_REASON_SIZE, "an instruction of %.80s can't be read",
                 reader->path);
        return false;
    }
    reader->flops += times * flops_of_instruction(code, (size_t)size);
    return true;
}

static bool read_line(struct dump_reader *reader, const char *line, size_t length,
                      char reason[COUNTER_REASON_SIZE])
{
    if (length > 3 && strncmp(line, "ob=", 3) == 0) {
        snprintf(reader->path, sizeof reader->path, "%.*s", (int)length - 3, line + 3);
        object_find(reader->path, &reader->object);
    } else if (length > 6 && strncmp(line, "calls=", 6) == 0) {
        reader->inclusive = true;
    } else if (length > 2 && strncmp(line, "0x", 2) == 0) {
        return add_cost(reader, line, length, reason);
    }
    return true;
}

bool flops_of_dump(const char *text, double *ret, char reason[COUNTER_REASON_SIZE])
{
    if (!DECODABLE) {
        snprintf(reason, COUNTER_REASON_SIZE, "FLOPs are read off instructions of x86-64 only");
        return false;
    }
    struct dump_reader reader = {.memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC)};
    bool ok = reader.memory >= 0 && strstr(text, "positions: instr\n");
    if (!ok)
        snprintf(reason, COUNTER_REASON_SIZE, "%s",
                 reader.memory < 0 ? "/proc/self/mem can't be opened"
                                   : "callgrind's file isn't by instruction");
    for (const char *line = text; ok && *line;) {
        size_t length = strcspn(line, "\n");
        ok = read_line(&reader, line, length, reason);
        line += length + (line[length] == '\n');
    }
    if (reader.memory >= 0)
        close(reader.memory);
    if (ok)
        *ret = reader.flops;
    return ok;
}
