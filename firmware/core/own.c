#include "own.h"

#include <math.h>
#include <string.h>

#include "lessons.h"
#include "likeness.h"
#include "own_learn.h"

#define FORM 1U

static bool same(const char *a, const char *b) { return strcmp(a, b) == 0; }
static void copy(char to[HG_NAME_ROOM], const char *from) { memmove(to, from, HG_NAME_ROOM); }

size_t hg_own_names(const hg_own_t *own)
{
  static const float NOWHERE[HG_VIEW_FEATURES] = {0};
  hg_near_t found[HG_PROTOTYPES_COUNT];
  return hg_likeness(&own->kept.book, NOWHERE, found);
}

/* What comes. */

static bool see(hg_own_t *own, double now, const hg_seen_t *s, hg_own_actions_t *actions)
{
  const double active = fabs(s->active_power), apparent = fabs(s->apparent_power);
  if (!(isfinite(s->time) && isfinite(s->duration)) || !(active <= HG_HOUSEHOLD_POWER_MAX) ||
      !(apparent <= HG_HOUSEHOLD_POWER_MAX) ||
      (own->count > 0 && s->sequence <= own->looks[own->count - 1].sequence)) {
    return false;
  }
  if (own->count > 0 && s->time <= own->looks[own->count - 1].time) { /* the clock was set back */
    own->count = 0;
    own->open.known = false;
  }
  if (own->count == HG_OWN_LOOKS) {
    own->count--;
    memmove(own->looks, own->looks + 1, own->count * sizeof own->looks[0]);
  }
  hg_own_look_t *look = &own->looks[own->count++];
  memset(look, 0, sizeof *look);
  look->sequence = s->sequence;
  look->time = s->time;
  look->end = s->time + s->duration;
  memcpy(look->view, s->view, sizeof look->view);
  look->off = active < own->settings.own_power_off && fmax(active, s->apparent_power) < own->settings.own_apparent_off;
  own->was_off = own->was_off || look->off;
  own->waits = true;
  own->waiting = s->sequence;
  own->owed = own->owes ? own->owed : now;
  own->owes = true;
  if (!own->open.known) {
    return true;
  }
  double until = own->open.end;
  if (isinf(until) && s->changed && s->time > own->open.said) {
    until = s->time;
  }
  const bool good = hg_own_learn_open(own, look, 1, until, actions);
  if (good && until <= s->time) {
    own->open.known = false;
  }
  return good;
}

static hg_own_look_t *look_of(hg_own_t *own, uint32_t sequence)
{
  for (size_t k = 0; k < own->count; k++) {
    if (own->looks[k].sequence == sequence) {
      return &own->looks[k];
    }
  }
  return NULL;
}

static bool hear(hg_own_t *own, double now, const hg_told_t *told, hg_own_actions_t *actions)
{
  char name[HG_NAME_ROOM] = {0};
  hg_own_look_t *look = told->own ? NULL : look_of(own, told->sequence);
  if (look == NULL || !(fabs(look->time - told->time) < HG_OWN_SAME_TIME)) {
    return true; /* another outlet's word; or of before a restart */
  }
  if (told->type[0] != 0) {
    hg_name_of(name, told->type, told->model);
  } else if (told->state == HG_IDENTITY_NAMED) {
    return false;
  }
  const bool back = own->silent;
  own->silent = false;
  const hg_own_look_t *waiting = own->waits ? look_of(own, own->waiting) : NULL;
  if (waiting != NULL && waiting->time <= look->time) {
    own->waits = false;
  }
  own->owes = own->waits;
  own->owed = now;
  const hg_own_look_t before = *look;
  look->told = true;
  look->state = told->state;
  copy(look->name, name);
  const bool another = !before.told || before.state != look->state || !same(before.name, name);
  const bool good = !another || hg_own_learn_told(own, look, &before, told, name, actions);
  actions->quiet = back;
  return good;
}

static bool label(hg_own_t *own, const hg_label_t *said, hg_own_actions_t *actions)
{
  if (said->type[0] == 0 || !(isfinite(said->begin) && isfinite(said->said)) || !(said->end > said->begin)) {
    return false;
  }
  own->open.known = true;
  own->open.lesson = 0;
  own->open.begin = said->begin;
  own->open.end = said->end;
  own->open.said = said->said;
  hg_name_of(own->open.name, said->type, said->model);
  const bool good = hg_own_learn_open(own, own->looks, own->count, said->end, actions);
  if (good && own->count > 0 && said->end <= own->looks[own->count - 1].time) {
    own->open.known = false;
  }
  return good;
}

/* Answering. */

static void speak(hg_own_t *own, double now, hg_own_actions_t *actions)
{
  const hg_own_look_t *look = own->waits ? look_of(own, own->waiting) : NULL;
  if (look == NULL || own->kept.book.used == 0) {
    return;
  }
  own->owed = fmin(own->owed, now); /* the clock may be set back */
  if (now - own->owed < (own->silent ? HG_OWN_AGAIN : own->settings.hub_silence)) {
    return;
  }
  own->silent = true;
  own->waits = own->owes = false;
  actions->answers = true;
  actions->sequence = look->sequence;
  actions->time = look->time;
  hg_identification_t *answer = &actions->answer;
  if (look->off) {
    answer->state = HG_IDENTITY_OFF;
    answer->probability = answer->model_probability = answer->novelty = (double)NAN;
    hg_name_split(own->kept.last, answer->type, answer->model);
    return;
  }
  hg_judge(&own->kept.book, look->view, answer);
  if (answer->state == HG_IDENTITY_KNOWN) {
    hg_name_of(own->kept.last, answer->type, answer->model);
    hg_own_learn_follow(own, look, actions);
  }
}

static hg_status_t finish(hg_own_t *own, double now, bool good, hg_own_actions_t *actions)
{
  if (!good) {
    memset(actions, 0, sizeof *actions);
    return HG_ERROR_ARGUMENT;
  }
  speak(own, now, actions);
  return HG_OK;
}

hg_status_t hg_own_see(hg_own_t *own, double now, const hg_seen_t *seen, hg_own_actions_t *actions)
{
  memset(actions, 0, sizeof *actions);
  return finish(own, now, see(own, now, seen, actions), actions);
}

hg_status_t hg_own_hear(hg_own_t *own, double now, const hg_told_t *told, hg_own_actions_t *actions)
{
  memset(actions, 0, sizeof *actions);
  return finish(own, now, hear(own, now, told, actions), actions);
}

hg_status_t hg_own_label(hg_own_t *own, double now, const hg_label_t *said, hg_own_actions_t *actions)
{
  memset(actions, 0, sizeof *actions);
  return finish(own, now, label(own, said, actions), actions);
}

hg_status_t hg_own_undo(hg_own_t *own, double now, hg_own_actions_t *actions)
{
  memset(actions, 0, sizeof *actions);
  return finish(own, now, hg_own_learn_undo(own, actions), actions);
}

void hg_own_step(hg_own_t *own, double now, hg_own_actions_t *actions)
{
  memset(actions, 0, sizeof *actions);
  speak(own, now, actions);
}

/* What is kept. */

hg_status_t hg_own_init(hg_own_t *own, const hg_own_settings_t *s)
{
  static const float NOISE[HG_VIEW_FEATURES] = HG_OWN_NOISE;
  memset(own, 0, sizeof *own);
  own->settings = *s;
  own->was_off = true; /* since it was last known by its name, as far as is known */
  own->kept.form = FORM;
  own->kept.size = (uint16_t)sizeof own->kept;
  if (!(true HG_OWN_SETTINGS(HG_WITHIN))) {
    return HG_ERROR_ARGUMENT;
  }
  return hg_prototypes_init(&own->kept.book, NOISE);
}

uint32_t hg_own_size(const hg_own_t *own) { return (uint32_t)offsetof(hg_own_kept_t, undo) + own->kept.used; }

static bool name_ends(const char name[HG_NAME_ROOM]) { return memchr(name, 0, HG_NAME_ROOM) != NULL; }

hg_status_t hg_own_restore(hg_own_t *own, uint32_t length)
{
  static const float NOISE[HG_VIEW_FEATURES] = HG_OWN_NOISE;
  const hg_own_settings_t settings = own->settings;
  const hg_own_kept_t *k = &own->kept;
  size_t count;
  const bool whole = length >= offsetof(hg_own_kept_t, undo) && k->form == FORM && k->size == sizeof *k &&
                     k->used <= HG_OWN_UNDO_MAX && length == hg_own_size(own);
  if (whole && name_ends(k->named) && name_ends(k->last) && k->book.used <= HG_PROTOTYPES_MAX &&
      memcmp(k->book.noise, NOISE, sizeof NOISE) == 0 &&
      hg_prototypes_sound(k->book.bytes, k->book.used, &count) && hg_lessons_sound(k)) {
    return HG_OK;
  }
  hg_own_init(own, &settings);
  return HG_ERROR_DAMAGED;
}
