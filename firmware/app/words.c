#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "parts.h"

#define WAITS(priority) ((priority) == HG_CLASS_COMFORT || (priority) == HG_CLASS_DEFERRABLE || (priority) == 0)

static const hg_band_t OFF = {0.0, 0.0}, ON = {HG_BAND_ON, (double)INFINITY};

static void say(hg_said_t *s, int voice, hg_band_t band, const char *format, ...)
{
  if (s->count < HG_WORDS_MAX) {
    va_list rest;
    va_start(rest, format);
    s->words[s->count] = (hg_word_t){voice, band};
    vsnprintf(s->reasons[s->count++], HG_REASON_LENGTH + 1, format, rest);
    va_end(rest);
  }
}

static const char *reason_of(const struct hg_app *app, const hg_word_t *word)
{
  for (size_t k = 0; k < HG_REQUEST_SENDERS; k++) {
    const hg_voice_record_t *v = &app->requests.voices[k];
    if (v->held && v->voice == word->voice && !(v->band.power_max < word->band.power_max) &&
        !(v->band.power_max > word->band.power_max)) {
      return app->control.reasons[k][0] != 0 ? app->control.reasons[k] : v->sender;
    }
  }
  return "asked";
}

/* A leader of the island is heard, and how it wants this outlet. */
static hg_led_t led(const struct hg_app *app, double wall)
{
  hg_led_t how = HG_LED_BY_NOBODY;
  for (size_t k = 0; k < HG_REQUEST_SENDERS; k++) {
    const hg_voice_record_t *v = &app->requests.voices[k];
    if (v->held && v->voice == HG_VOICE_ISLAND && wall <= v->expiry) {
      how = v->band.power_max > 0.0 && how != HG_LED_OFF ? HG_LED_ON : HG_LED_OFF;
    }
  }
  return how;
}

void hg_words_cause(struct hg_app *app)
{
  static const char *const FAULTS[] = {"it says nothing", "stuck", "clipped", "not a number", "temperature"};
  const hg_protection_t *p = &app->protection;
  const hg_measurement_t *m = &app->control.measured;
  char *to = app->control.cause;
  const size_t room = sizeof app->control.cause;
  const double rating = p->settings.current_rating;
  if (p->trip == HG_TRIP_OVERCURRENT && m->current_cycle >= p->settings.instant_current) {
    snprintf(to, room, "short circuit: %.0f A in one cycle", m->current_cycle);
  } else if (p->trip == HG_TRIP_OVERCURRENT) {
    snprintf(to, room, rating > floor(rating) ? "overload: %.1f A, rated %.1f A" : "overload: %.1f A, rated %.0f A",
             p->current, rating);
  } else if (p->trip == HG_TRIP_OVERTEMPERATURE) {
    snprintf(to, room, "contacts at %.0f °C", p->temperature);
  } else {
    snprintf(to, room, "sensor: %s", FAULTS[m->fault]);
  }
}

void hg_words_collect(struct hg_app *app, double wall, hg_said_t *s)
{
  struct hg_control *c = &app->control;
  s->count = 0;
  const bool islanded = hg_island_cut(&app->island);
  const hg_led_t leader = led(app, wall);
  const bool alone = islanded && leader == HG_LED_BY_NOBODY;
  c->alone_since = alone ? fmin(c->alone_since, c->now) : (double)INFINITY;
  if (app->protection.trip != HG_TRIP_NONE) {
    say(s, HG_VOICE_PROTECTION, OFF, "tripped, %s", c->cause);
  }
  if (alone && WAITS(c->priority) && c->now - c->alone_since >= app->settings.island_grace) {
    say(s, HG_VOICE_ISLAND, OFF, "nobody leads the island: what can wait is off");
  }
  if (hg_own_shedding_held(&app->shedding, c->now, leader, c->demand, c->priority, c->rank)) {
    say(s, HG_VOICE_ISLAND, OFF, "overload of the island: %.0f %% of %.0f W had to go",
        100.0 * app->shedding.rule.seen, app->settings.shedding.power);
  }
  hg_word_t asked[HG_REQUEST_SENDERS];
  const unsigned deaf = islanded ? 1U << HG_VOICE_PLAN | 1U << HG_VOICE_GRID_SERVICE : 0U;
  const size_t count = hg_requests_words(&app->requests, wall, deaf, asked);
  size_t urgent = 0;
  while (urgent < count && asked[urgent].voice > HG_VOICE_PLAN) {
    urgent++;
  }
  /* A plan's cap is for a power stage; a plain relay opens only for a cap of somebody more urgent. */
  hg_cap_step(&app->cap, c->now, hg_settle(asked, urgent).band.power_max,
              c->sighted ? c->measured.active_power : (double)NAN);
  for (size_t k = 0; k < urgent; k++) {
    const double draw = hg_cap_excess(&app->cap, asked[k].band.power_max);
    if (draw > 0.0) {
      say(s, asked[k].voice, OFF, "%.60s: at most %.0f W, the load drew %.0f W", reason_of(app, &asked[k]),
          asked[k].band.power_max, draw);
    } else {
      say(s, asked[k].voice, asked[k].band, "%s", reason_of(app, &asked[k]));
    }
  }
  const hg_press_t press = hg_job_book_must_run(&app->jobs, wall);
  if (press != HG_PRESS_NOT) {
    say(s, HG_VOICE_PERSON, ON, press == HG_PRESS_DEADLINE ? "job %s must run now to meet its deadline"
                                                           : "job %s must not be interrupted", app->jobs.job.id);
  }
  if (!(wall >= hg_job_book_latest_start(&app->jobs))) { /* pressed for time, a job does not keep to the plan's power */
    for (size_t k = urgent; k < count; k++) {
      say(s, HG_VOICE_PLAN, asked[k].band, "%s", reason_of(app, &asked[k]));
    }
  }
  if (hg_job_book_waits(&app->jobs)) {
    say(s, HG_VOICE_PERSON, OFF, "job %s waits for the plan", app->jobs.job.id);
  }
  int weekday = 0, minute = 0;
  if (!isnan(wall)) {
    app->platform.local(app->platform.context, wall, &weekday, &minute);
    const hg_entry_t *entry = hg_schedule_at(&app->schedule, weekday, minute);
    if (entry != NULL) {
      static const char *const DAYS[] = {"Mon ", "Tue ", "Wed ", "Thu ", "Fri ", "Sat ", "Sun "};
      char days[4 * 7 + 1] = "";
      for (size_t k = 0; k < 7; k++) {
        strcat(days, entry->days >> k & 1 ? DAYS[k] : "");
      }
      say(s, HG_VOICE_PERSON, hg_entry_band(entry), "schedule %s%02d:%02d\xe2\x80\x93%02d:%02d %s", days,
          entry->start / 60, entry->start % 60, entry->end / 60, entry->end % 60, entry->on ? "on" : "off");
    }
  }
}

/* The word that decided, as hg_settle finds it. */
const char *hg_words_reason(const hg_said_t *s, hg_word_t agreed)
{
  for (size_t k = 0; k < s->count; k++) {
    if (s->words[k].voice == agreed.voice) {
      return s->reasons[k];
    }
  }
  return "nobody asked";
}
