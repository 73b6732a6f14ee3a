/* Real FFT of one mains cycle. Built with HG_CMSIS_DSP it is arm_rfft_fast_f32; the results are laid out alike. */
#ifndef HEARTHGRID_FFT_H
#define HEARTHGRID_FFT_H

#include "common.h"

#ifdef HG_CMSIS_DSP
#include "arm_math.h"
typedef struct { arm_rfft_fast_instance_f32 plan; } hg_fft_t;
#else
typedef struct {
  float cosine[HG_ALIGN_SAMPLES_PER_CYCLE / 2], sine[HG_ALIGN_SAMPLES_PER_CYCLE / 2]; /* of k/128 turns */
} hg_fft_t;
#endif

hg_status_t hg_fft_init(hg_fft_t *fft);

/* out: real parts of bins 0 and 64, then real and imaginary part of bins 1 … 63. `in` is used up. */
void hg_fft_real(const hg_fft_t *fft, float in[HG_ALIGN_SAMPLES_PER_CYCLE], float out[HG_ALIGN_SAMPLES_PER_CYCLE]);

#endif
