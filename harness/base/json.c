/* json.c - building a JSON text, by cJSON. */
#include "base/json.h"

#include <math.h>
#include <stdlib.h>

static void begin(struct json *ret, cJSON *root)
{
    *ret = (struct json){.root = root, .failed = root == NULL};
}

void json_begin_object(struct json *ret)
{
    begin(ret, cJSON_CreateObject());
}

void json_begin_array(struct json *ret)
{
    begin(ret, cJSON_CreateArray());
}

/* Put a value into its parent; NULL if either isn't there. */
static cJSON *put(struct json *json, cJSON *parent, const char *key, cJSON *value)
{
    if (value && parent && !json->failed &&
        (key ? cJSON_AddItemToObject(parent, key, value) : cJSON_AddItemToArray(parent, value)))
        return value;
    cJSON_Delete(value);
    json->failed = true;
    return NULL;
}

cJSON *json_object(struct json *json, cJSON *parent, const char *key)
{
    return put(json, parent, key, cJSON_CreateObject());
}

cJSON *json_array(struct json *json, cJSON *parent, const char *key)
{
    return put(json, parent, key, cJSON_CreateArray());
}

void json_text(struct json *json, cJSON *parent, const char *key, const char *text)
{
    put(json, parent, key, text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

void json_number(struct json *json, cJSON *parent, const char *key, double number)
{
    put(json, parent, key, isfinite(number) ? cJSON_CreateNumber(number) : cJSON_CreateNull());
}

void json_bool(struct json *json, cJSON *parent, const char *key, bool value)
{
    put(json, parent, key, cJSON_CreateBool(value));
}

char *json_string(const struct json *json, bool indented)
{
    if (json->failed)
        return NULL;
    return indented ? cJSON_Print(json->root) : cJSON_PrintUnformatted(json->root);
}

enum outcome json_print(const struct json *json, FILE *out, bool indented, const char *what,
                        struct error *error)
{
    char *text = json_string(json, indented);
    if (!text)
        return fail_memory(error, what, 0);
    fprintf(out, "%s\n", text);
    cJSON_free(text);
    return OUTCOME_DONE;
}

void json_clear(struct json *json)
{
    cJSON_Delete(json->root);
    *json = (struct json){.failed = true};
}
