/* peak.h - the most memory that this process had at once, by what the kernel counts. */
#ifndef MIDL_PEAK_H
#define MIDL_PEAK_H

/* Begin to count anew, where the kernel lets one; elsewhere peak_bytes is since the start. */
void peak_begin(void);

/* Return the bytes resident at most since then; NaN if unknown. */
double peak_bytes(void);

#endif
