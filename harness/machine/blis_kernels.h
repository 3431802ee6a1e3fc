/* blis_kernels.h - which of its kernels BLIS uses, and how that is said. */
#ifndef MIDL_BLIS_KERNELS_H
#define MIDL_BLIS_KERNELS_H

/* BLIS 0.9 knows AMD's processors up to Zen 4 by their family numbers; on later ones it falls back
 * to plain C, at a third of the speed: a yardstick that it would be no merit to beat. There name
 * those of Zen 3, unless BLIS_ARCH_TYPE is set. To be called before BLIS is first used. */
void blis_choose_kernels(void);

/* Return "NAME=VALUE" of the variable that blis_choose_kernels() set; NULL if it set none. */
const char *blis_own_variable(void);

/* Return "0.9.0, kernels zen3", or "none" if built without BLIS. */
const char *blis_text(void);

#endif
