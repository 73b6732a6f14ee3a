#include <math.h>
#include <string.h>

#include "parts.h"

static bool is_question(uint8_t kind)
{
  return kind == HG_KIND_PRE_VOTE || kind == HG_KIND_VOTE || kind == HG_KIND_HEARTBEAT;
}

/* Send what is to be sent, keep what is to be kept; the number of the last write, 0 = none was made. */
static uint32_t act(struct hg_app *app)
{
  uint32_t written = 0;
  for (size_t k = 0; k < app->actions.count; k++) {
    const hg_action_t *action = &app->actions.items[k];
    if (action->persist) {
      written = hg_keep_member(app, &action->durable) ? action->number : written;
      continue;
    }
    hg_message_t *mail = HG_MAIL_PLACE(&app->out.ballots);
    if (mail != NULL) { /* else comms is behind, or gone: a network may lose words, and the election bears it */
      *mail = action->message;
      HG_MAIL_SENT(&app->out.ballots);
    }
  }
  return written;
}

static void step(struct hg_app *app, const hg_event_t *event)
{
  const double now = app->control.now;
  for (int writes = 0; writes < 8; writes++) {
    if (hg_election_step(&app->election, now, event, &app->actions) != HG_OK) {
      return;
    }
    const uint32_t written = act(app);
    if (written == 0) {
      return;
    }
    app->event = (hg_event_t){.kind = HG_EVENT_PERSISTED, .number = written};
    event = &app->event;
  }
}

hg_status_t hg_member_begin(struct hg_app *app, double now, hg_random_t chance)
{
  struct hg_control *c = &app->control;
  hg_keep_restore(app);
  const hg_birth_t birth = {.me = c->me, .incarnation = app->settings.incarnation,
                            .durable = c->remembers ? &c->durable : NULL, .members = c->commissioned.members,
                            .count = c->commissioned.count, .term = c->durable.term,
                            .epoch = c->durable.committee.epoch};
  const hg_status_t status = hg_election_init(&app->election, &app->settings.election, &birth, now, chance, app);
  if (status == HG_OK && c->remembers) {
    const hg_durable_t durable = c->durable;
    hg_keep_member(app, &durable); /* the new incarnation */
  }
  return status;
}

/* NULL, or why a ballot is not heard; "" = it is not for this member. */
static const char *hear(struct hg_app *app, const hg_mail_ballot_t *mail)
{
  const hg_wire_ballot_t *w = &mail->wire;
  const char *me = app->settings.id;
  const bool passed_on = is_question(w->kind) ? w->granted : strcmp(w->leader, w->receiver) == 0;
  if ((w->receiver[0] != 0 && strcmp(w->receiver, me) != 0 && !passed_on) ||
      (strcmp(w->sender, me) == 0 && w->incarnation == app->election.incarnation)) {
    return "";
  }
  static const char *const SEALS[] = {"", "it carries no authentication code", "its authentication code is wrong",
                                      "its stamp is far from this clock", "it was heard before", "too many at once"};
  const double wall = hg_app_wall(app, app->control.now);
  const hg_key_choice_t key = hg_keys_ballot(app, wall, mail);
  app->seal.key = key.secret;
  app->seal.key_length = key.length;
  const hg_seal_refusal_t refusal = hg_seal_judge(&app->seal, wall, w, mail->stamp, mail->mac, mail->mac_length);
  if (refusal != HG_SEAL_GOOD) {
    return SEALS[refusal];
  }
  app->event = (hg_event_t){.kind = HG_EVENT_MESSAGE};
  if (hg_ballot_read(&app->directory, w, app->control.me, &app->election.committee, &app->control.commissioned,
                     &app->event.message) != HG_OK) {
    return "it is none, or of another zone";
  }
  hg_island_heard(&app->island, app->control.now, app->event.message.sender, app->event.message.mode);
  step(app, &app->event);
  return NULL;
}

void hg_member_step(struct hg_app *app)
{
  struct hg_control *c = &app->control;
  for (hg_mail_ballot_t *b; (b = HG_MAIL_OLDEST(&app->in.ballots)) != NULL;) {
    const char *trouble = hear(app, b);
    if (trouble != NULL && trouble[0] != 0 && c->ballots_refused++ == 0) {
      hg_app_say(app, HG_LOG_WARNING, "a ballot of '%s' is dropped: %s", b->wire.sender, trouble);
    }
    HG_MAIL_TAKEN(&app->in.ballots);
  }
  if (c->now >= app->election.deadline) {
    step(app, NULL);
  }
  for (int k = 0; k < HG_ISLAND_SYNCHRONISE; k++) { /* one step each, so that each is seen */
    bool opened;
    hg_island_view_t *view = HG_MAIL_PLACE(&app->out.islands);
    if (view == NULL || !hg_island_step(&app->island, c->now, &app->election, view, &opened)) {
      break;
    }
    HG_MAIL_SENT(&app->out.islands);
    if (opened && hg_election_holds_lease(&app->election, c->now) && hg_election_committed(&app->election)) {
      /* A switch has moved: commands from before it shall not be obeyed behind it. */
      app->event = (hg_event_t){.kind = HG_EVENT_CHANGE,
                                .change = {.raises = true, .epoch = app->election.committee.epoch + 1U}};
      step(app, &app->event);
    }
  }
}
