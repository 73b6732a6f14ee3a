#include <math.h>

#include "parts.h"

/* Analysis', which control preempts: what is not `busy` is whole. Control gives way while a flash is erased: what comes
 * then waits, but for a signature, which teaches nothing. */

static void count(struct hg_app *app)
{
  app->devices.known = (uint32_t)hg_own_names(&app->own);
  app->devices.bytes = app->own.kept.book.used + app->own.kept.used;
}

static void say(struct hg_app *app, const hg_own_actions_t *actions)
{
  struct hg_devices *d = &app->devices;
  d->hush = d->hush || actions->quiet;
  hg_mail_identity_t *mail = HG_MAIL_PLACE(&app->out.identities);
  if (d->hush && mail != NULL) {
    *mail = (hg_mail_identity_t){.quiet = true};
    HG_MAIL_SENT(&app->out.identities);
    d->hush = false;
    mail = HG_MAIL_PLACE(&app->out.identities);
  }
  if (actions->answers && mail != NULL) { /* else comms is behind, or gone: nobody would hear it */
    *mail = (hg_mail_identity_t){.sequence = actions->sequence, .time = actions->time, .answer = actions->answer};
    HG_MAIL_SENT(&app->out.identities);
  }
  if (actions->taught || actions->moved) {
    count(app);
  }
  d->taught = d->taught || actions->taught;
  d->moved = d->moved || actions->moved;
}

static void did(struct hg_app *app, const char *what, hg_status_t status, const hg_own_actions_t *actions)
{
  if (status != HG_OK) {
    if (!app->devices.complained) {
      hg_app_say(app, HG_LOG_WARNING, "%s of its devices cannot be used", what);
    }
    app->devices.complained = true;
    return;
  }
  say(app, actions);
}

static void end(struct hg_app *app) { __atomic_store_n(&app->devices.busy, false, __ATOMIC_SEQ_CST); }

static bool begin(struct hg_app *app)
{
  __atomic_store_n(&app->devices.busy, true, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&app->devices.writing, __ATOMIC_SEQ_CST)) {
    end(app);
    return false;
  }
  return true;
}

void hg_devices_see(struct hg_app *app, const hg_mail_signature_t *mail, bool changed, double now)
{
  struct hg_analysis *a = &app->analysis;
  const hg_signature_t *s = &mail->signature;
  const double wall = hg_app_wall(app, now);
  hg_own_actions_t actions;
  if (!isfinite(wall) || !isfinite(mail->stamp) || hg_signature_vector(s, a->vector) != HG_OK) {
    return; /* it teaches nothing */
  }
  hg_appliance_view(a->vector, a->view);
  hg_seen_t seen = {.sequence = mail->sequence, .time = mail->stamp, .duration = (double)mail->cycles / s->frequency,
                    .active_power = s->active_power, .apparent_power = s->voltage * s->current, .changed = changed};
  for (size_t k = 0; k < HG_VIEW_FEATURES; k++) {
    seen.view[k] = (float)a->view[k];
  }
  if (begin(app)) {
    did(app, "a signature", hg_own_see(&app->own, wall, &seen, &actions), &actions);
    end(app);
  }
}

void hg_devices_step(struct hg_app *app, double now)
{
  const double wall = hg_app_wall(app, now);
  hg_own_actions_t actions;
  if (!isfinite(wall) || !begin(app)) {
    return;
  }
  for (hg_told_t *told; (told = HG_MAIL_OLDEST(&app->in.told)) != NULL;) {
    did(app, "an answer", hg_own_hear(&app->own, wall, told, &actions), &actions);
    HG_MAIL_TAKEN(&app->in.told);
  }
  for (hg_label_t *label; (label = HG_MAIL_OLDEST(&app->in.labels)) != NULL;) {
    did(app, "a label", hg_own_label(&app->own, wall, label, &actions), &actions);
    HG_MAIL_TAKEN(&app->in.labels);
  }
  hg_own_step(&app->own, wall, &actions);
  say(app, &actions);
  end(app);
}

/* Control's. */

void hg_devices_restore(struct hg_app *app)
{
  uint32_t length;
  app->devices.saved_at = -(double)INFINITY;
  const hg_status_t status = hg_keep_load(app, HG_KEEP_DEVICES, (uint8_t *)&app->own.kept, sizeof app->own.kept, &length);
  if (length > 0 && hg_own_restore(&app->own, length) != HG_OK) {
    hg_app_say(app, HG_LOG_ERROR, "what it learnt of devices is of another build, or damaged: it begins anew");
  } else if (status != HG_OK) {
    (void)hg_own_init(&app->own, &app->settings.own);
  }
  count(app);
}

static void keep(struct hg_app *app, bool now)
{
  struct hg_devices *d = &app->devices;
  const double time = app->control.now;
  if (!(d->taught || d->moved) || !(now || d->taught || time - d->saved_at >= app->settings.refined_period)) {
    return;
  }
  d->taught = d->moved = false;
  d->saved_at = time;
  if (!app->journal_open[HG_KEEP_DEVICES]) {
    return;
  }
  const bool failed = hg_journal_write(&app->journals[HG_KEEP_DEVICES], (const uint8_t *)&app->own.kept,
                                       hg_own_size(&app->own)) != HG_OK;
  if (failed != d->failed) {
    hg_app_say(app, failed ? HG_LOG_ERROR : HG_LOG_INFO, failed ? "what it learnt of devices is not kept"
                                                               : "what it learnt of devices is kept");
    d->failed = failed;
  }
}

void hg_devices_keep(struct hg_app *app, bool now)
{
  struct hg_devices *d = &app->devices;
  __atomic_store_n(&d->writing, true, __ATOMIC_SEQ_CST);
  if (!__atomic_load_n(&d->busy, __ATOMIC_SEQ_CST)) {
    keep(app, now);
  }
  __atomic_store_n(&d->writing, false, __ATOMIC_SEQ_CST);
}
