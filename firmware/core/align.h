/* From converter samples to whole mains cycles of 128 samples from a rising zero crossing of the fundamental.
 * Twin of hearthgrid_core.waveform.alignment for a converter of less than 256 samples a cycle. */
#ifndef HEARTHGRID_ALIGN_H
#define HEARTHGRID_ALIGN_H

#include "measure.h"

#define HG_CYCLES_MAX 12
#define HG_ALIGNED_MAX (HG_CYCLES_MAX * HG_ALIGN_SAMPLES_PER_CYCLE)
#define HG_WINDOW_MAX 2048
#define HG_KERNEL_STEPS 256 /* of a sample; between two steps the weights go straight */

extern const float HG_KERNEL[HG_KERNEL_STEPS + 1][HG_ALIGN_TAPS]; /* kernel.c, which tools/kernel.py writes */

typedef struct {
  float voltage[HG_ALIGNED_MAX], current[HG_ALIGNED_MAX]; /* [V], [A] */
  double frequency;                                       /* [Hz] */
  double offset;                                          /* of the first sample from the window's first [s] */
  size_t cycles;
} hg_aligned_t;

/* A window of simultaneous counts (n,). */
typedef struct {
  const int16_t *voltage, *current;
  size_t n;
  hg_scale_t scale;
  double sampling_rate; /* [Hz] */
} hg_window_t;

/* The frequency of the mains [Hz] and the time of one rising zero crossing after the first sample [s]. */
hg_status_t hg_fundamental(const hg_window_t *window, double nominal, double *frequency, double *crossing);

/* Resample the newest `cycles` whole cycles; 0 = all, at most HG_CYCLES_MAX. */
hg_status_t hg_align(const hg_window_t *window, double nominal, size_t cycles, hg_aligned_t *out);

#endif
