#include "relay.h"

#define TOLERANCE 1.05

static bool allowed(const hg_relay_settings_t *s)
{
  return true HG_RELAY_SETTINGS(HG_WITHIN);
}

hg_status_t hg_relay_init(hg_relay_t *relay, const hg_relay_settings_t *settings)
{
  if (!allowed(settings) || settings->switchings_max > HG_RELAY_MOVES_MAX) {
    return HG_ERROR_ARGUMENT;
  }
  *relay = (hg_relay_t){.settings = *settings};
  return HG_OK;
}

static double free_at(hg_relay_t *relay, double now)
{
  if (!relay->known) {
    return now;
  }
  if (relay->since > now) { /* the clock was set back */
    relay->since = now;
  }
  while (relay->count > 0) {
    const double ago = now - relay->moves[relay->first];
    if (ago >= 0.0 && ago < HG_RELAY_HOUR) {
      break;
    }
    relay->first = (relay->first + 1) % relay->settings.switchings_max;
    relay->count--;
  }
  const double dwell = relay->closed ? relay->settings.minimum_on_time : relay->settings.minimum_off_time;
  const double hour = relay->count == relay->settings.switchings_max ? relay->moves[relay->first] + HG_RELAY_HOUR : now;
  return relay->since + dwell > hour ? relay->since + dwell : hour;
}

bool hg_relay_step(hg_relay_t *relay, double now, bool wanted, bool forced)
{
  const int room = relay->settings.switchings_max;
  if ((relay->known && wanted == relay->closed) || (free_at(relay, now) > now && !(forced && !wanted))) {
    return relay->closed;
  }
  if (relay->known) {
    relay->moves[(relay->first + relay->count) % room] = now;
    if (relay->count < room) {
      relay->count++;
    } else {
      relay->first = (relay->first + 1) % room;
    }
  }
  relay->known = true;
  relay->closed = wanted;
  relay->since = now;
  return wanted;
}

hg_status_t hg_cap_init(hg_cap_t *guard, const hg_relay_settings_t *settings)
{
  if (!allowed(settings)) {
    return HG_ERROR_ARGUMENT;
  }
  *guard = (hg_cap_t){.settings = *settings};
  return HG_OK;
}

void hg_cap_step(hg_cap_t *guard, double now, double cap, double active_power)
{
  if (guard->remembered && guard->draw <= cap * TOLERANCE) {
    guard->remembered = false;
  }
  if (!(active_power > cap * TOLERANCE)) {
    guard->over = false;
    return;
  }
  if (!guard->over) {
    guard->over = true;
    guard->since = now;
  }
  if (now - guard->since >= guard->settings.cap_time && !guard->settings.throttleable) {
    if (!guard->remembered || active_power > guard->draw) {
      guard->draw = active_power;
    }
    guard->remembered = true;
  }
}

double hg_cap_excess(const hg_cap_t *guard, double cap)
{
  return guard->remembered && guard->draw > cap * TOLERANCE ? guard->draw : 0.0;
}
