/* The recipe of the signature: what a load looks like from its outlet. Twin of hearthgrid_core.waveform.signature. */
#ifndef HEARTHGRID_SIGNATURE_H
#define HEARTHGRID_SIGNATURE_H

#include "meter.h"

typedef struct {
  double frequency;                 /* [Hz] */
  double voltage, current;          /* RMS [V], [A] */
  double active_power;              /* [W] */
  double reactive_power;            /* of the fundamental, positive when lagging [var] */
  double crest_factor;              /* NaN without current [1] */
  double inrush_ratio;              /* NaN where no switch-on was seen [1] */
  double settling_time;             /* NaN where no switch-on was seen [s] */
  float real[HG_SIGNATURE_HARMONICS], imaginary[HG_SIGNATURE_HARMONICS]; /* referred to the voltage's phase [A] */
  float wavelet_energy[HG_WAVELET_BANDS]; /* shares, coarsest first [1] */
  float trajectory[HG_SIGNATURE_POINTS];  /* the mean cycle of current over its peak [1] */
} hg_signature_t;

/* What the wavelet transform needs in passing. */
typedef struct { float first[HG_ALIGNED_MAX / 2], second[HG_ALIGNED_MAX / 4]; } hg_wavelet_work_t;

/* Share of energy in each band of whole cycles, coarsest first; zero where there is no energy. */
hg_status_t hg_wavelet_shares(hg_wavelet_work_t *work, const float *samples, size_t cycles,
                              float shares[HG_WAVELET_BANDS]);

/* The signature of whole cycles; the switch-on is not seen here. */
hg_status_t hg_signature(const hg_fft_t *fft, hg_wavelet_work_t *work, const hg_aligned_t *aligned,
                         hg_signature_t *out);

/* What classifiers take; HG_ERROR_ARGUMENT when something is not finite. */
hg_status_t hg_signature_vector(const hg_signature_t *signature, double out[HG_SIGNATURE_FEATURES]);

#endif
