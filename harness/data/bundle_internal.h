/* bundle_internal.h - what folders and archives share when they fill a bundle. */
#ifndef MIDL_BUNDLE_INTERNAL_H
#define MIDL_BUNDLE_INTERNAL_H

#include "data/bundle.h"

/* Whether one of the patterns matches `name`. */
bool bundle_wants(const char *patterns, const char *name);

/* Append *file; on success the bundle owns what it held and *file is empty. */
enum outcome bundle_add(struct bundle *bundle, struct bundle_file *file, struct error *error);
void bundle_file_clear(struct bundle_file *file);

#endif
