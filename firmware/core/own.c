#include "own.h"

#include <math.h>
#include <string.h>

#include "lessons.h"
#include "likeness.h"

#define FORM 1U

static bool same(const char *a, const char *b) { return strcmp(a, b) == 0; }
static void copy(char to[HG_NAME_ROOM], const char *from) { memmove(to, from, HG_NAME_ROOM); }

static void widen(const float row[HG_VIEW_FEATURES], double *out)
{
  for (size_t k = 0; k < HG_VIEW_FEATURES; k++) {
    out[k] = (double)row[k];
  }
}

size_t hg_own_names(const hg_own_t *own)
{
  static const float NOWHERE[HG_VIEW_FEATURES] = {0};
  hg_near_t found[HG_PROTOTYPES_COUNT];
  return hg_likeness(&own->kept.book, NOWHERE, found);
}

/* Learning. */

static bool teach(hg_own_t *own, const hg_own_look_t *const *looks, size_t n, const char *name, uint32_t lesson,
                  hg_own_actions_t *actions)
{
  double rows[HG_OWN_LOOKS * HG_VIEW_FEATURES];
  for (size_t k = 0; k < n; k++) {
    widen(looks[k]->view, rows + k * HG_VIEW_FEATURES);
  }
  if (hg_lessons_teach(&own->kept, rows, n, name, lesson) != HG_OK) {
    return false;
  }
  actions->taught = true;
  return true;
}

/* What a label says of looks in its time; all of one label are one correction. */
static bool learn_open(hg_own_t *own, const hg_own_look_t *looks, size_t n, double until, hg_own_actions_t *actions)
{
  const hg_own_look_t *chosen[HG_OWN_LOOKS];
  size_t count = 0;
  for (size_t k = 0; k < n; k++) {
    if (!looks[k].off && looks[k].time >= own->open.begin && looks[k].end <= until) {
      chosen[count++] = &looks[k];
    }
  }
  if (count == 0) {
    return true;
  }
  if (hg_lessons_find(&own->kept, own->open.lesson) == NULL) {
    own->open.lesson = hg_lessons_begin(&own->kept, own->open.name, own->kept.named);
  }
  if (!teach(own, chosen, count, own->open.name, own->open.lesson, actions)) {
    return false;
  }
  copy(own->kept.last, own->open.name);
  return true;
}

/* A person named what is on: the looks since it was last off teach, as at the hub. */
static bool correct(hg_own_t *own, const char *name, hg_own_actions_t *actions)
{
  const hg_own_look_t *recent[HG_OWN_LOOKS];
  size_t first = own->count;
  while (first > 0 && !own->looks[first - 1].off) {
    first--;
  }
  if (first == own->count) {
    return true; /* it was said of a load that is off again */
  }
  for (size_t k = first; k < own->count; k++) {
    recent[k - first] = &own->looks[k];
  }
  const hg_lesson_t *last = hg_lessons_last(&own->kept);
  const bool heard = last != NULL && own->open.known && own->open.lesson == last->number &&
                     hg_lesson_is(&own->kept, last, name); /* the outlet may have heard the person itself */
  const uint32_t lesson = heard ? last->number : hg_lessons_begin(&own->kept, name, own->kept.named);
  if (!teach(own, recent, own->count - first, name, lesson, actions)) {
    return false;
  }
  copy(own->kept.named, name);
  return true;
}

/* Learn from the hub's model, never against what was taught: it knows types, the prototypes know devices. */
static bool believe(hg_own_t *own, const hg_own_look_t *look, const char *name, hg_own_actions_t *actions)
{
  hg_near_t found[HG_PROTOTYPES_COUNT];
  const size_t n = hg_likeness(&own->kept.book, look->view, found);
  double mine = (double)INFINITY, other = (double)INFINITY, row[HG_VIEW_FEATURES];
  int at;
  for (size_t k = n; k > 0; k--) {
    if (hg_prototype_is(found[k - 1].prototype, name)) {
      mine = found[k - 1].distance;
    } else {
      other = found[k - 1].distance;
    }
  }
  widen(look->view, row);
  if (mine <= fmin(HG_PROTOTYPES_SURE, other)) {
    hg_prototypes_follow(&own->kept.book, row, &at);
    actions->moved = actions->moved || at >= 0;
  } else if (other > HG_PROTOTYPES_CLAIM) {
    if (hg_prototypes_teach(&own->kept.book, row, 1, name, NULL) != HG_OK) {
      return false;
    }
    actions->moved = true;
  }
  return true;
}

/* Follow a device that nobody confirms, only where no other is near: small steps astray add up. */
static void refine(hg_own_t *own, const hg_own_look_t *look, hg_own_actions_t *actions)
{
  hg_near_t found[HG_PROTOTYPES_COUNT];
  const size_t n = hg_likeness(&own->kept.book, look->view, found);
  if (n > 0 && found[0].distance <= HG_PROTOTYPES_CLAIM && (n == 1 || found[1].distance > HG_PROTOTYPES_NEAR)) {
    double row[HG_VIEW_FEATURES];
    int at;
    widen(look->view, row);
    hg_prototypes_follow(&own->kept.book, row, &at);
    actions->moved = actions->moved || at >= 0;
  }
}

static bool undo(hg_own_t *own, hg_own_actions_t *actions)
{
  char name[HG_NAME_ROOM], before[HG_NAME_ROOM];
  uint32_t number;
  if (hg_lessons_undo(&own->kept, name, before, &number) != HG_OK) {
    return false;
  }
  copy(own->kept.named, before);
  if (same(own->kept.last, name)) {
    copy(own->kept.last, before);
  }
  if (own->open.known && own->open.lesson == number) {
    own->open.known = false;
  }
  actions->taught = true;
  return true;
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
  const bool good = learn_open(own, look, 1, until, actions);
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

static bool learn_told(hg_own_t *own, const hg_own_look_t *look, const hg_own_look_t *before, const hg_told_t *told,
                       const char *name, hg_own_actions_t *actions)
{
  hg_own_kept_t *kept = &own->kept;
  if (before->told && before->name[0] != 0 && same(before->name, kept->named) && !same(kept->named, name) &&
      (before->state == HG_IDENTITY_NAMED || before->state == HG_IDENTITY_OFF)) { /* it was taken back */
    const hg_lesson_t *last = hg_lessons_last(kept);
    if (last != NULL && hg_lesson_is(kept, last, before->name)) {
      undo(own, actions);
    } else {
      memset(kept->named, 0, sizeof kept->named);
    }
  }
  if (look->off) {
    return true;
  }
  bool good = true;
  if (name[0] != 0) {
    copy(kept->last, name);
  }
  if (told->state == HG_IDENTITY_NAMED && !same(name, kept->named)) {
    good = correct(own, name, actions);
  } else if (told->state == HG_IDENTITY_NAMED && !before->told) {
    double row[HG_VIEW_FEATURES], distance;
    int at;
    widen(look->view, row);
    const bool found = hg_prototypes_recognise(&kept->book, row, &at, &distance) == HG_OK;
    if (!own->was_off || (found && at >= 0 && hg_prototype_is(kept->book.bytes + at, name))) {
      const hg_lesson_t *last = hg_lessons_last(kept);
      good = teach(own, &look, 1, name, last != NULL ? last->number : 0, actions);
    }
  } else if (told->state == HG_IDENTITY_KNOWN && !before->told) {
    memset(kept->named, 0, sizeof kept->named);
    good = !(told->probability >= own->settings.hub_trust) || believe(own, look, name, actions);
  } else if (told->state != HG_IDENTITY_NAMED) {
    memset(kept->named, 0, sizeof kept->named);
  }
  if (good) {
    own->was_off = false;
  }
  return good;
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
  const bool good = !another || learn_told(own, look, &before, told, name, actions);
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
  const bool good = learn_open(own, own->looks, own->count, said->end, actions);
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
    refine(own, look, actions);
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
  return finish(own, now, undo(own, actions), actions);
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
