/* datadir.h - the folders of data that belong to the program. */
#ifndef MIDL_DATADIR_H
#define MIDL_DATADIR_H

/* Find the folder of "suites" or "plots": $MIDL_SHARE/NAME; for a program in its
 * build folder, beside the source; for an installed one, share/midl/NAME beside its bin, or of the
 * prefix it was built for: whichever exists first. NULL if none does. Valid
 * until the next call for the same name. */
const char *datadir_find(const char *name);

#endif
