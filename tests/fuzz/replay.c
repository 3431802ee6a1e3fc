/* replay.c - a target without libFuzzer: every file of its corpus, and of each some hundred
 * variations that are the same every time. Arguments: the corpus. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "fuzz.h"

enum { VARIATIONS = 150, SIZE_MAX_BYTES = 1 << 16, ROOM = 64 };

/* Change some bytes, cut, repeat or insert a part; returns the new size. */
static size_t vary(struct rng *rng, uint8_t *bytes, size_t size)
{
    static const char *const words[] = {"-1", "0",  "nan",  "inf", "1e-60", "4294967297",
                                        "\n", "\t", "0x10", " ",   "\xff",  "99999999999999999999"};
    size_t at = size ? rng_next(rng) % size : 0;
    switch (rng_next(rng) % 5) {
    case 0:
        return at;
    case 1:
        for (size_t i = 0; size > 0 && i <= rng_next(rng) % 4; i++)
            bytes[rng_next(rng) % size] ^= (uint8_t)(1 << rng_next(rng) % 8);
        return size;
    case 2:
        if (size > 0)
            bytes[at] = (uint8_t)rng_next(rng);
        return size;
    case 3: {
        size_t length = (size - at) / 2 < ROOM ? (size - at) / 2 : ROOM;
        memmove(bytes + at, bytes + at + length, size - at - length);
        return size - length;
    }
    default: {
        const char *word = words[rng_next(rng) % (sizeof words / sizeof *words)];
        size_t length = strlen(word);
        memmove(bytes + at + length, bytes + at, size - at);
        memcpy(bytes + at, word, length);
        return size + length;
    }
    }
}

/* On a copy of just these bytes, so that a sanitizer sees a read beyond them. */
static void run(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    FUZZ_DEMAND(copy != NULL);
    memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void replay(const char *path)
{
    static uint8_t bytes[SIZE_MAX_BYTES], varied[SIZE_MAX_BYTES + 3 * ROOM];
    FILE *file = fopen(path, "rb");
    struct rng rng = rng_seed(1);
    FUZZ_DEMAND(file != NULL);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    run(bytes, size);
    for (int i = 0; i < VARIATIONS; i++) {
        size_t length = size;
        memcpy(varied, bytes, size);
        for (uint64_t changes = rng_next(&rng) % 3 + 1; changes > 0; changes--)
            length = vary(&rng, varied, length);
        run(varied, length);
    }
}

int main(int argc, char **argv)
{
    size_t files = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        struct dirent *entry;
        FUZZ_DEMAND(folder != NULL);
        while ((entry = readdir(folder))) {
            char path[4096];
            if (entry->d_name[0] == '.')
                continue;
            snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            replay(path);
            files++;
        }
        closedir(folder);
    }
    printf("%zu files, %d variations each\n", files, VARIATIONS);
    FUZZ_DEMAND(files > 0);
    return 0;
}
