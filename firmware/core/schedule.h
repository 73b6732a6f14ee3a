/* An outlet's own weekly rules. Twin of hearthgrid_core.outlet.schedule. */
#ifndef HEARTHGRID_SCHEDULE_H
#define HEARTHGRID_SCHEDULE_H

#include "requests.h"

/* days: sum of 1 (Monday) … 64 (Sunday), on which it begins. start, end: minute of the day, end exclusive; an end at
 * or before the start is on the next day. power_max: while on, infinity = no cap [W]. */
typedef struct {
  uint8_t days;
  bool on;
  uint16_t start, end;
  double power_max;
} hg_entry_t;

typedef struct {
  size_t count;
  hg_entry_t entries[HG_SCHEDULE_ENTRIES];
} hg_schedule_t;

/* HG_ERROR_ARGUMENT, nothing changed: too many rules, or one that is none. */
hg_status_t hg_schedule_set(hg_schedule_t *schedule, const hg_entry_t *entries, size_t count);

/* The rule that counts at a local time, the last of those that hold; NULL = none. weekday: 0 = Monday. */
const hg_entry_t *hg_schedule_at(const hg_schedule_t *schedule, int weekday, int minute);

/* What a rule asks. */
hg_band_t hg_entry_band(const hg_entry_t *entry);

#endif
