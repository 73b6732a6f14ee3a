#include "session.h"

#include <math.h>

hg_status_t hg_session_init(hg_session_t *s, const hg_session_settings_t *k, double now)
{
  if (!(k->ping_period > 0.0 && k->back_off > 0.0 && k->back_off_max >= k->back_off && k->open_timeout > 0.0 &&
        k->silent_max > 0 && isfinite(now))) {
    return HG_ERROR_ARGUMENT;
  }
  *s = (hg_session_t){.settings = *k, .now = now, .next = now, .since = now, .wait = k->back_off};
  return HG_OK;
}

static hg_session_action_t ask(hg_session_t *s, hg_session_action_t action)
{
  s->asked = true;
  s->since = s->now;
  return action;
}

static hg_session_action_t leave(hg_session_t *s)
{
  s->state = HG_SESSION_LEAVE;
  return ask(s, HG_SESSION_CLOSE);
}

/* Nobody answers, or joining failed: knock later, and later still. */
static void back_off(hg_session_t *s, double chance)
{
  const hg_session_settings_t *k = &s->settings;
  s->asked = false;
  s->next = s->now + s->wait * (1.0 + 0.25 * chance);
  s->wait = fmin(2.0 * s->wait, k->back_off_max);
}

static hg_session_action_t ping_when_due(hg_session_t *s)
{
  return !s->asked && s->now >= s->next ? ask(s, HG_SESSION_PING) : HG_SESSION_WAIT;
}

static hg_session_action_t seek(hg_session_t *s, hg_link_t event, bool late, double chance)
{
  if (s->asked && event == HG_LINK_PONG) {
    s->state = HG_SESSION_JOIN;
    return ask(s, HG_SESSION_OPEN);
  }
  if (s->asked && (event == HG_LINK_SILENT || event == HG_LINK_FAILED || late)) {
    back_off(s, chance);
  }
  return ping_when_due(s);
}

static hg_session_action_t joining(hg_session_t *s, hg_link_t event, bool late)
{
  if (event == HG_LINK_OPEN) {
    s->state = HG_SESSION_JOINED;
    s->asked = false;
    s->silent = 0;
    s->joins++;
    s->wait = s->settings.back_off;
    s->next = s->now + s->settings.ping_period;
    return HG_SESSION_WAIT;
  }
  return event == HG_LINK_FAILED || event == HG_LINK_SILENT || late ? leave(s) : HG_SESSION_WAIT;
}

static hg_session_action_t joined(hg_session_t *s, hg_link_t event, bool late)
{
  if (event == HG_LINK_FAILED || event == HG_LINK_CLOSED) {
    s->losses++;
    return leave(s);
  }
  if (s->asked && event == HG_LINK_PONG) {
    s->asked = false;
    s->silent = 0;
    s->next = s->now + s->settings.ping_period;
  } else if (s->asked && (event == HG_LINK_SILENT || late)) {
    s->asked = false;
    s->next = s->now;
    if (++s->silent >= s->settings.silent_max) {
      s->losses++;
      return leave(s);
    }
  }
  return ping_when_due(s);
}

hg_session_action_t hg_session_step(hg_session_t *s, double now, hg_link_t event, double chance)
{
  s->now = now > s->now ? now : s->now; /* NaN is no time either */
  const bool late = s->asked && s->now - s->since >= s->settings.open_timeout;
  switch (s->state) {
    case HG_SESSION_SEEK: return seek(s, event, late, chance);
    case HG_SESSION_JOIN: return joining(s, event, late);
    case HG_SESSION_JOINED: return joined(s, event, late);
    default:
      if (event == HG_LINK_CLOSED) {
        s->state = HG_SESSION_SEEK;
        back_off(s, chance);
        return HG_SESSION_WAIT;
      }
      return late ? ask(s, HG_SESSION_CLOSE) : HG_SESSION_WAIT;
  }
}

void hg_clock_init(hg_clock_t *c)
{
  *c = (hg_clock_t){.known = false};
}

bool hg_clock_sync(hg_clock_t *c, double sent, double received, double wall)
{
  const double trip = received - sent;
  if (!(trip >= 0.0 && trip <= HG_CLOCK_TRIP_MAX && wall > 0.0 && isfinite(wall))) {
    return false;
  }
  c->target = wall - (sent + received) / 2.0;
  if (!c->known || c->target > c->offset + HG_CLOCK_JUMP) {
    c->offset = c->target;
    c->at = received;
  }
  c->known = true;
  return true;
}

double hg_clock_now(hg_clock_t *c, double monotonic)
{
  if (!c->known) {
    return (double)NAN;
  }
  if (monotonic > c->at) {
    const double most = HG_CLOCK_SLEW * (monotonic - c->at);
    c->offset += fmax(-most, fmin(most, c->target - c->offset));
    c->at = monotonic;
  }
  c->wall = fmax(c->wall, monotonic + c->offset);
  return c->wall;
}
