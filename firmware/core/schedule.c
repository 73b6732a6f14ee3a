#include "schedule.h"

#include <math.h>
#include <string.h>

static bool possible(const hg_entry_t *e)
{
  return e->days > 0 && e->days < 128 && e->start < HG_SCHEDULE_DAY && e->end < HG_SCHEDULE_DAY &&
         e->power_max >= 0.0 && !(e->on && !(e->power_max > 0.0));
}

static bool holds(const hg_entry_t *e, int weekday, int minute)
{
  const bool today = (e->days >> weekday & 1) != 0, yesterday = (e->days >> (weekday + 6) % 7 & 1) != 0;
  if (e->end > e->start) {
    return today && e->start <= minute && minute < e->end;
  }
  return (today && minute >= e->start) || (yesterday && minute < e->end);
}

hg_status_t hg_schedule_set(hg_schedule_t *schedule, const hg_entry_t *entries, size_t count)
{
  if (count > HG_SCHEDULE_ENTRIES) {
    return HG_ERROR_ARGUMENT;
  }
  for (size_t k = 0; k < count; k++) {
    if (!possible(&entries[k])) {
      return HG_ERROR_ARGUMENT;
    }
  }
  memset(schedule, 0, sizeof *schedule);
  for (size_t k = 0; k < count; k++) {
    schedule->entries[k] = entries[k];
  }
  schedule->count = count;
  return HG_OK;
}

const hg_entry_t *hg_schedule_at(const hg_schedule_t *schedule, int weekday, int minute)
{
  if (weekday < 0 || weekday > 6) {
    return NULL;
  }
  for (size_t k = schedule->count; k > 0; k--) {
    if (holds(&schedule->entries[k - 1], weekday, minute)) {
      return &schedule->entries[k - 1];
    }
  }
  return NULL;
}

hg_band_t hg_entry_band(const hg_entry_t *e)
{
  if (!e->on) {
    return (hg_band_t){0.0, 0.0};
  }
  return (hg_band_t){e->power_max < HG_BAND_ON ? e->power_max : HG_BAND_ON, e->power_max};
}
