/* What spares a relay and the compressor behind it: dwell times and switchings an hour.
 * Twin of hearthgrid_core.outlet.relay. */
#ifndef HEARTHGRID_RELAY_H
#define HEARTHGRID_RELAY_H

#include "common.h"

#define HG_RELAY_MOVES_MAX 360 /* of `switchings_max`; the Python outlet allows more */

typedef struct {
  hg_relay_settings_t settings;
  bool known, closed; /* not known: never moved, the first word is followed at once */
  double since;
  double moves[HG_RELAY_MOVES_MAX]; /* a ring of the newest `switchings_max` */
  int first, count;
} hg_relay_t;

hg_status_t hg_relay_init(hg_relay_t *relay, const hg_relay_settings_t *settings);

/* Whether the relay is to be closed. forced: protection wants it open, whatever the limits. */
bool hg_relay_step(hg_relay_t *relay, double now, bool wanted, bool forced);

/* A load that keeps drawing more than its cap, and the draw remembered of it. */
typedef struct {
  hg_relay_settings_t settings;
  bool over, remembered;
  double since, draw;
} hg_cap_t;

hg_status_t hg_cap_init(hg_cap_t *guard, const hg_relay_settings_t *settings);
void hg_cap_step(hg_cap_t *guard, double now, double cap, double active_power);

/* The draw for which a cap can only be kept by opening, 0 when it can be kept. [W] */
double hg_cap_excess(const hg_cap_t *guard, double cap);

#endif
