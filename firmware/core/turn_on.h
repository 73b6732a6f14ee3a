/* How large the inrush was and how long the current took to settle. Twin of hearthgrid_core.waveform.turn_on. */
#ifndef HEARTHGRID_TURN_ON_H
#define HEARTHGRID_TURN_ON_H

#include "common.h"

#define HG_TURN_ON_CYCLES 2080 /* that are followed: 30 s at the highest frequency */

typedef struct {
  hg_turn_on_settings_t settings;
  bool off_seen, on;
  size_t count;                      /* of cycles since switch-on that are kept */
  float since[HG_TURN_ON_CYCLES];    /* their RMS [A] */
  double now[HG_TURN_ON_NOW_CYCLES]; /* the newest [A] */
  size_t newest;                     /* how many of them there are, up to all */
  double largest;                    /* of the cycles that are kept [A] */
  double length;                     /* of a cycle [s] */
} hg_turn_on_t;

/* HG_ERROR_ARGUMENT: out of bounds, or a horizon of more cycles than are kept here. */
hg_status_t hg_turn_on_init(hg_turn_on_t *t, const hg_turn_on_settings_t *settings);

/* Take the next block of current counts (n,). scale: [A/count]. frequency: of the mains, nominal where not known [Hz].
 * HG_ERROR_ARGUMENT, nothing changed, for what is no block. */
hg_status_t hg_turn_on_step(hg_turn_on_t *t, const int16_t *current, size_t n, double scale, double sampling_rate,
                            double frequency);

/* Forget everything: blocks are missing, and the load may have been switched meanwhile. */
void hg_turn_on_lost(hg_turn_on_t *t);

/* Largest cycle RMS over the one now [1], and from switch-on until it stays near now [s]; NaN where none was seen. */
void hg_turn_on_result(const hg_turn_on_t *t, double *inrush_ratio, double *settling_time);

#endif
