/* datadir.h - the folders of data that belong to the program. */
#ifndef MIDL_DATADIR_H
#define MIDL_DATADIR_H

/* "suites" or "plots": the folder that holds them: $MIDL_SHARE/NAME, beside the source this was
 * built from, or the installed share/midl/NAME, whichever exists first. NULL if none does. Valid
 * until the next call for the same name. */
const char *datadir_find(const char *name);

#endif
