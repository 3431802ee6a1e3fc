/* json.h - building a JSON text. Lack of memory is remembered, and reported once at the end. */
#ifndef MIDL_JSON_H
#define MIDL_JSON_H

#include <stdbool.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "base/error.h"

/* A value in the making. Once `failed` is set it stays set: what is added afterwards is dropped. */
struct json {
    cJSON *root;
    bool failed;
};

/* Begin with an empty object or array. json_clear() is due afterwards. */
void json_begin_object(struct json *ret);
void json_begin_array(struct json *ret);

/* Add an empty object or array to `parent` and return it, NULL if that failed. In these and all
 * that follow, `key` is NULL where the parent is an array, and a parent of NULL is a failure. */
cJSON *json_object(struct json *json, cJSON *parent, const char *key);
cJSON *json_array(struct json *json, cJSON *parent, const char *key);

/* Add a string, or null for NULL. */
void json_text(struct json *json, cJSON *parent, const char *key, const char *text);

/* Add a number, or null where it is not finite: JSON knows no NaN. */
void json_number(struct json *json, cJSON *parent, const char *key, double number);

void json_bool(struct json *json, cJSON *parent, const char *key, bool value);

/* Write the text on one line, or indented over many; free() it. NULL for lack of memory, now or
 * before.
 */
char *json_string(const struct json *json, bool indented);

/* Print the text and a newline. On failure, `what` names what memory was needed for. */
enum outcome json_print(const struct json *json, FILE *out, bool indented, const char *what,
                        struct error *error);

void json_clear(struct json *json);

#endif
