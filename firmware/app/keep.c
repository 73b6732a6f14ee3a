#include <math.h>
#include <string.h>

#include "parts.h"

#define FORM 1U
#define AGAIN 60.0 /* after a write that failed [s] */

/* The outlet's own part, as this build lays it out: `size` tells another build that it is not its own. */
typedef struct {
  uint16_t form, size;
  double energy_kwh, demand, thermal_load; /* heat counts as it was: how long it was off is not known */
  char cause[48];
  uint32_t fence[2]; /* also here: a member whose election has kept nothing yet obeys leaders, too */
  uint8_t trip, priority;
  uint16_t rank;
  bool chosen_schedule, chosen_priority, job_known, has_person;
  hg_job_t job;
  hg_schedule_t schedule;
  hg_voice_record_t person; /* of a person only the newest word binds */
  char person_reason[HG_REASON_LENGTH + 1];
} own_t;

typedef char own_fits[sizeof(own_t) <= HG_JOURNAL_PAYLOAD ? 1 : -1];

hg_status_t hg_keep_load(struct hg_app *app, hg_keep_t what, uint8_t *out, uint32_t room, uint32_t *length)
{
  static const char *const NAMES[HG_KEEPS] = {"its memory of the election", "energy, trip and preferences",
                                             "what it learnt of devices"};
  *length = 0;
  if (app->platform.flash[what].sector == 0) {
    return HG_OK;
  }
  const hg_status_t status = hg_journal_open(&app->journals[what], &app->platform.flash[what], out, room, length);
  app->journal_open[what] = status == HG_OK || status == HG_ERROR_DAMAGED;
  if (status != HG_OK) {
    *length = 0;
    hg_app_say(app, HG_LOG_ERROR, "%s cannot be read (%d)", NAMES[what], (int)status);
  }
  return status;
}

hg_status_t hg_keep_save(struct hg_app *app, hg_keep_t what, uint32_t length)
{
  return app->journal_open[what] ? hg_journal_write(&app->journals[what], app->control.bytes, length) : HG_OK;
}

static void restore_member(struct hg_app *app)
{
  struct hg_control *c = &app->control;
  hg_kept_t kept;
  uint32_t length;
  if (hg_keep_load(app, HG_KEEP_MEMBER, c->bytes, sizeof c->bytes, &length) != HG_OK || length == 0) {
    return;
  }
  if (hg_kept_read(&app->directory, c->bytes, length, &kept) != HG_OK) {
    hg_app_say(app, HG_LOG_ERROR, "its memory of the election is damaged: it asks the others");
    return;
  }
  app->requests.highest_epoch = kept.highest_epoch;
  app->requests.highest_term = kept.highest_term;
  if (app->settings.incarnation <= kept.incarnation) {
    app->settings.incarnation = kept.incarnation + 1U;
  }
  c->durable = kept.durable;
  c->remembers = hg_kept_serves(&kept, &c->commissioned);
  if (!c->remembers) {
    hg_app_say(app, HG_LOG_WARNING, "the committee is commissioned anew");
  }
}

static void restore_own(struct hg_app *app)
{
  struct hg_control *c = &app->control;
  own_t own;
  uint32_t length;
  if (hg_keep_load(app, HG_KEEP_OUTLET, c->bytes, sizeof c->bytes, &length) != HG_OK || length == 0) {
    return;
  }
  memset(&own, 0, sizeof own);
  memcpy(&own, c->bytes, length < sizeof own ? length : sizeof own);
  if (length != sizeof own || own.form != FORM || own.size != sizeof own || !(own.energy_kwh >= 0.0) ||
      own.priority > HG_CLASS_COMFORT ||
      hg_protection_restore(&app->protection, c->now, own.trip, own.thermal_load, c->now) != HG_OK) {
    hg_app_say(app, HG_LOG_ERROR, "what was kept is of another build, or damaged: defaults are used");
    return;
  }
  app->energy.energy_kwh = own.energy_kwh;
  if (own.fence[0] > app->requests.highest_epoch ||
      (own.fence[0] == app->requests.highest_epoch && own.fence[1] > app->requests.highest_term)) {
    app->requests.highest_epoch = own.fence[0];
    app->requests.highest_term = own.fence[1];
  }
  own.cause[sizeof own.cause - 1] = 0;
  memcpy(c->cause, own.cause, sizeof c->cause);
  c->trip_kept = own.trip != HG_TRIP_NONE;
  c->demand = own.demand;
  if (own.chosen_priority) {
    c->chosen_priority = true;
    c->priority = own.priority;
    c->rank = own.rank;
  }
  c->chosen_schedule = own.chosen_schedule &&
                       hg_schedule_set(&app->schedule, own.schedule.entries, own.schedule.count) == HG_OK;
  c->person_kept = own.has_person;
  c->person = own.person;
  own.person_reason[HG_REASON_LENGTH] = 0;
  memcpy(c->person_reason, own.person_reason, sizeof c->person_reason);
  if (own.job_known) {
    hg_job_book_restore(&app->jobs, &own.job);
  }
}

void hg_keep_restore(struct hg_app *app)
{
  restore_member(app);
  restore_own(app);
  app->control.fence[0] = app->requests.highest_epoch;
  app->control.fence[1] = app->requests.highest_term;
}

bool hg_keep_member(struct hg_app *app, const hg_durable_t *durable)
{
  struct hg_control *c = &app->control;
  const hg_kept_t kept = {.durable = *durable, .incarnation = app->settings.incarnation,
                          .highest_epoch = app->requests.highest_epoch, .highest_term = app->requests.highest_term};
  uint32_t length;
  c->durable = *durable;
  c->fence[0] = kept.highest_epoch;
  c->fence[1] = kept.highest_term;
  const bool safe = hg_kept_write(&app->directory, &kept, c->bytes, sizeof c->bytes, &length) == HG_OK &&
                    hg_keep_save(app, HG_KEEP_MEMBER, length) == HG_OK;
  if (safe != c->member_safe) {
    hg_app_say(app, safe ? HG_LOG_INFO : HG_LOG_ERROR, safe ? "its memory of the election is kept"
                                                           : "its memory of the election is not kept: it cannot vote");
    c->member_safe = safe;
  }
  return safe;
}

/* What a person asked, and why: in force, or waiting for wall time. */
static void keep_person(const struct hg_app *app, own_t *own)
{
  const struct hg_control *c = &app->control;
  hg_voice_record_t rows[HG_REQUEST_SENDERS];
  const size_t held = hg_requests_held(&app->requests, HG_VOICE_PERSON, rows);
  own->has_person = held > 0 || c->person_kept;
  own->person = held > 0 ? rows[0] : c->person;
  memcpy(own->person_reason, c->person_reason, sizeof own->person_reason);
  for (size_t k = 0; k < HG_REQUEST_SENDERS && held > 0; k++) {
    if (app->requests.voices[k].held && app->requests.voices[k].voice == HG_VOICE_PERSON) {
      memcpy(own->person_reason, c->reasons[k], sizeof own->person_reason);
    }
  }
}

static void save_own(struct hg_app *app)
{
  struct hg_control *c = &app->control;
  own_t own;
  memset(&own, 0, sizeof own);
  own.form = FORM;
  own.fence[0] = app->requests.highest_epoch;
  own.fence[1] = app->requests.highest_term;
  own.size = sizeof own;
  own.energy_kwh = app->energy.energy_kwh;
  own.demand = c->demand;
  own.thermal_load = app->protection.thermal_load;
  own.trip = (uint8_t)app->protection.trip;
  memcpy(own.cause, c->cause, sizeof own.cause);
  own.priority = c->priority;
  own.rank = c->rank;
  own.chosen_priority = c->chosen_priority;
  own.chosen_schedule = c->chosen_schedule;
  own.schedule = app->schedule;
  keep_person(app, &own);
  own.job_known = app->jobs.known;
  own.job = app->jobs.job;
  memcpy(c->bytes, &own, sizeof own);
  c->saved_at = c->now;
  c->dirty = hg_keep_save(app, HG_KEEP_OUTLET, sizeof own) != HG_OK;
  if (c->dirty) {
    c->saved_at = c->now + AGAIN - app->settings.save_period;
    c->dirty = false;
    hg_app_say(app, HG_LOG_ERROR, "energy, trip and preferences are not kept");
  }
}

void hg_keep_step(struct hg_app *app, bool now)
{
  struct hg_control *c = &app->control;
  if (c->fence[0] != app->requests.highest_epoch || c->fence[1] != app->requests.highest_term) {
    const hg_durable_t durable = c->durable;
    c->fence[0] = app->requests.highest_epoch;
    c->fence[1] = app->requests.highest_term;
    if (durable.committee.count > 0) {
      hg_keep_member(app, &durable);
    } else {
      c->dirty = true;
    }
  }
  if (now || c->dirty || c->now - c->saved_at >= app->settings.save_period) {
    save_own(app);
  }
}
