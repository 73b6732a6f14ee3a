#include <stdio.h>
#include <string.h>

#include <diagnostic_msgs/msg/diagnostic_array.h>

#include "comms_ros.h"

/* Health, under the names by which the Python outlet and its member report it. */

#define CHECKS 7
#define VALUES 18
#define FIRST_WAIT 15.0 /* for the first samples while a home starts [s] */

enum { FINE = 0, WARN = 1, BAD = 2, STALE = 3 };

typedef struct {
  diagnostic_msgs__msg__DiagnosticStatus statuses[CHECKS];
  diagnostic_msgs__msg__KeyValue values[VALUES];
  char names[CHECKS][96], texts[VALUES][16], home[64], silent[40], keys[80], devices[64];
  size_t checks, count;
} hg_report_t;

static void check(hg_report_t *r, const char *name, int level, const char *words)
{
  diagnostic_msgs__msg__DiagnosticStatus *s = &r->statuses[r->checks];
  char *full = r->names[r->checks++];
  snprintf(full, sizeof r->names[0], "%s/%s", r->home, name);
  s->level = (uint8_t)level;
  hg_comms_text(&s->name, full);
  hg_comms_text(&s->message, words);
  hg_comms_text(&s->hardware_id, r->home);
  s->values.data = &r->values[r->count];
}

/* One more value of the last check. */
static void value(hg_report_t *r, const char *key, const char *text)
{
  diagnostic_msgs__msg__DiagnosticStatus *s = &r->statuses[r->checks - 1];
  if (r->count < VALUES) {
    hg_comms_text(&r->values[r->count].key, key);
    hg_comms_text(&r->values[r->count++].value, text);
    s->values.size = ++s->values.capacity;
  }
}

static void count(hg_report_t *r, const char *key, uint32_t number)
{
  if (r->count < VALUES) {
    snprintf(r->texts[r->count], sizeof r->texts[0], "%lu", (unsigned long)number);
    value(r, key, r->texts[r->count]);
  }
}

static void samples(hg_report_t *r, const struct hg_app *app, double now)
{
  static const char *const NAMES[HG_DROPS] = {[HG_DROP_LENGTH] = "length", [HG_DROP_RATE] = "rate",
                                              [HG_DROP_NOMINAL] = "nominal", [HG_DROP_SCALE] = "scale",
                                              [HG_DROP_STAMP] = "stamp", [HG_DROP_ORDER] = "order"};
  const struct hg_control *c = &app->control;
  const bool begun = c->measured_at > 0.0;
  const double silence = now - c->heard_at;
  snprintf(r->silent, sizeof r->silent, "none for %.0f s: blind", silence);
  const bool blind = !c->sighted && silence > (begun ? app->settings.silence_max : FIRST_WAIT);
  check(r, "outlet: samples", c->sighted ? FINE : blind ? BAD : STALE,
        c->sighted ? "coming" : blind ? r->silent : "waiting for the first");
  count(r, "lost", hg_comms.lost);
  count(r, "foreign", hg_comms.foreign);
  for (int k = HG_DROP_NONE + 1; k < HG_DROPS; k++) {
    if (hg_comms.dropped[k] > 0) {
      count(r, NAMES[k], hg_comms.dropped[k]);
    }
  }
}

static void keys(hg_report_t *r, const struct hg_app *app)
{
  const hg_keyring_t *ring = &app->request_keys;
  uint32_t epoch = 0;
  for (size_t k = 0; k < ring->count; k++) {
    epoch = ring->keys[k].epoch > epoch ? ring->keys[k].epoch : epoch;
  }
  snprintf(r->keys, sizeof r->keys, "no key of %s: commands to it are refused", app->settings.id);
  check(r, "outlet: keys", app->keys_trouble ? BAD : ring->count == 0 ? WARN : FINE,
        app->keys_trouble  ? "the key file cannot be read"
        : ring->count == 0 ? r->keys
                           : "commands need a code");
  if (!app->keys_trouble && ring->count > 0) {
    count(r, "epoch", epoch);
  }
}

static void devices(hg_report_t *r, const struct hg_app *app)
{
  const bool kept = app->journal_open[HG_KEEP_DEVICES] && !app->devices.failed;
  const uint32_t known = app->devices.known;
  snprintf(r->devices, sizeof r->devices, "%lu known; %s", (unsigned long)known,
           hg_comms.speaks ? "the hub is silent: the outlet answers" : "the hub answers");
  check(r, "outlet: devices", kept ? FINE : WARN, kept ? r->devices : "nothing is kept: it cannot be written");
  count(r, "known", known);
  count(r, "bytes", app->devices.bytes);
}

void hg_comms_health(struct hg_app *app, double now)
{
  static hg_report_t report;
  hg_report_t *r = &report;
  const struct hg_control *c = &app->control;
  const char *space = hg_comms.settings.home[0] == '/' ? hg_comms.settings.home + 1 : hg_comms.settings.home;
  const bool kept = app->journal_open[HG_KEEP_OUTLET], safe = c->member_safe && app->journal_open[HG_KEEP_MEMBER];
  const hg_island_view_t *view = &app->island.told;
  memset(r, 0, sizeof *r);
  snprintf(r->home, sizeof r->home, "%s/%s", space, app->settings.id);

  samples(r, app, now);
  check(r, "outlet: protection", c->trip != HG_TRIP_NONE || c->welded ? BAD : FINE,
        c->trip != HG_TRIP_NONE ? c->told.reason : c->welded ? "current flows through the open relay" : "no trip");
  if (r->count < VALUES) {
    snprintf(r->texts[r->count], sizeof r->texts[0], "%.4g", app->protection.thermal_load);
    value(r, "thermal_load", r->texts[r->count]);
  }
  count(r, "requests_refused", c->refused);
  check(r, "outlet: storage", kept ? FINE : WARN, kept ? "kept" : "nothing is kept: it cannot be written");
  if (app->request_keys.required) {
    keys(r, app);
  }
  devices(r, app);
  check(r, "consensus: supply", view->mode == HG_ISLAND_UNKNOWN ? STALE : view->mode == HG_ISLAND_GRID ? FINE : WARN,
        view->evidence);
  value(r, "leader", hg_directory_name(&app->directory, view->leader));
  count(r, "term", view->term);
  count(r, "epoch", view->epoch);
  check(r, "consensus: memory", safe || !c->remembers ? FINE : WARN, safe ? "kept" : "nothing is kept yet");

  diagnostic_msgs__msg__DiagnosticArray m;
  memset(&m, 0, sizeof m);
  m.header.stamp = hg_comms_time(hg_comms_wall(app, now));
  hg_comms_text(&m.header.frame_id, "");
  m.status.data = r->statuses;
  m.status.size = m.status.capacity = r->checks;
  hg_comms_send(HG_TO_DIAGNOSTICS, &m);
}
