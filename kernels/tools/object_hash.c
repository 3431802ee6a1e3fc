/* object_hash.c - a tool of the build: a hash of the machine code of each object file, as a C
 * table.
 *
 *   object_hash OUT SET OBJECT...      SET: the instruction set that the objects were compiled for
 *
 * Hashed is what the linker would load: code, constants and the relocations that belong to them, by
 * the names of their symbols. Comments, names of files, debugging information and where the linker
 * puts things don't count. An object that isn't a 64-bit ELF file of this byte order has the hash
 * 0, which stands for "not known".
 */
#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct object {
    const unsigned char *bytes;
    size_t size;
    const Elf64_Shdr *sections;
    size_t count;
    const char *names;
};

static uint64_t more(uint64_t hash, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static bool inside(const struct object *object, uint64_t offset, uint64_t size)
{
    return offset <= object->size && size <= object->size - offset;
}

static bool open_object(struct object *object)
{
    const Elf64_Ehdr *head = (const void *)object->bytes;
    const uint16_t one = 1;
    unsigned char order = *(const unsigned char *)&one ? ELFDATA2LSB : ELFDATA2MSB;
    if (object->size < sizeof *head || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 ||
        head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_ident[EI_DATA] != order ||
        head->e_shentsize != sizeof(Elf64_Shdr) || head->e_shstrndx >= head->e_shnum ||
        !inside(object, head->e_shoff, (uint64_t)head->e_shnum * sizeof(Elf64_Shdr)))
        return false;
    object->sections = (const void *)(object->bytes + head->e_shoff);
    object->count = head->e_shnum;
    for (size_t i = 0; i < object->count; i++)
        if (object->sections[i].sh_type != SHT_NOBITS &&
            !inside(object, object->sections[i].sh_offset, object->sections[i].sh_size))
            return false;
    object->names = (const char *)object->bytes + object->sections[head->e_shstrndx].sh_offset;
    return true;
}

static const char *name_of(const struct object *object, const Elf64_Shdr *section)
{
    return object->names + section->sh_name;
}

/* Loaded, and not about unwinding, which follows from the code and is full of places. */
static bool counts(const struct object *object, const Elf64_Shdr *section)
{
    return (section->sh_flags & SHF_ALLOC) && section->sh_type != SHT_NOTE &&
           strcmp(name_of(object, section), ".eh_frame") != 0;
}

/* A symbol by its name, or by its section where it has none. */
static uint64_t hash_symbol(uint64_t hash, const struct object *object, const Elf64_Shdr *table,
                            size_t index)
{
    const Elf64_Sym *symbol =
        (const Elf64_Sym *)(const void *)(object->bytes + table->sh_offset) + index;
    const char *names = (const char *)object->bytes + object->sections[table->sh_link].sh_offset;
    const char *name = names + symbol->st_name;
    if (ELF64_ST_TYPE(symbol->st_info) == STT_SECTION && symbol->st_shndx < object->count)
        name = name_of(object, &object->sections[symbol->st_shndx]);
    hash = more(hash, name, strlen(name));
    return more(hash, &symbol->st_value, sizeof symbol->st_value);
}

static uint64_t hash_relocations(uint64_t hash, const struct object *object,
                                 const Elf64_Shdr *section)
{
    const Elf64_Rela *rows = (const void *)(object->bytes + section->sh_offset);
    const Elf64_Shdr *table = &object->sections[section->sh_link];
    for (size_t i = 0; i < section->sh_size / sizeof *rows; i++) {
        uint64_t type = ELF64_R_TYPE(rows[i].r_info);
        hash = more(hash, &rows[i].r_offset, sizeof rows[i].r_offset);
        hash = more(hash, &type, sizeof type);
        hash = more(hash, &rows[i].r_addend, sizeof rows[i].r_addend);
        hash = hash_symbol(hash, object, table, ELF64_R_SYM(rows[i].r_info));
    }
    return hash;
}

static uint64_t hash_object(struct object *object)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    if (!open_object(object))
        return 0;
    for (size_t i = 0; i < object->count; i++) {
        const Elf64_Shdr *section = &object->sections[i];
        if (counts(object, section)) {
            hash = more(hash, name_of(object, section), strlen(name_of(object, section)));
            hash = more(hash, &section->sh_size, sizeof section->sh_size);
            if (section->sh_type != SHT_NOBITS)
                hash = more(hash, object->bytes + section->sh_offset, section->sh_size);
        }
        if (section->sh_type == SHT_RELA && section->sh_info < object->count &&
            section->sh_link < object->count && counts(object, &object->sections[section->sh_info]))
            hash = hash_relocations(hash, object, section);
    }
    return hash ? hash : 1;
}

/* All of a file; NULL if it can't be read. */
static unsigned char *read_file(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "rb");
    unsigned char *bytes = NULL;
    long size = -1;
    if (file && fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    if (size > 0 && fseek(file, 0, SEEK_SET) == 0)
        bytes = malloc((size_t)size);
    if (bytes && fread(bytes, 1, (size_t)size, file) != (size_t)size) {
        free(bytes);
        bytes = NULL;
    }
    if (file)
        fclose(file);
    *ret_size = bytes ? (size_t)size : 0;
    return bytes;
}

/* "kernels/libmidl_avx2.a.p/simd_rows.c.o": simd_rows */
static void write_row(FILE *out, const char *path, const char *set, uint64_t hash)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    fprintf(out, "{\"%.*s\", \"%s\", UINT64_C(0x%016llx)},\n", (int)strcspn(name, "."), name, set,
            (unsigned long long)hash);
}

int main(int argc, char **argv)
{
    FILE *out = argc > 2 ? fopen(argv[1], "w") : NULL;
    if (!out) {
        fprintf(stderr, "usage: object_hash OUT SET OBJECT...\n");
        return 1;
    }
    for (int i = 3; i < argc; i++) {
        struct object object = {0};
        unsigned char *bytes = read_file(argv[i], &object.size);
        object.bytes = bytes;
        write_row(out, argv[i], argv[2], bytes ? hash_object(&object) : 0);
        free(bytes);
    }
    return fclose(out) == 0 ? 0 : 1;
}
