#include "own_learn.h"

#include <math.h>
#include <string.h>

#include "lessons.h"
#include "likeness.h"

static bool same(const char *a, const char *b) { return strcmp(a, b) == 0; }
static void copy(char to[HG_NAME_ROOM], const char *from) { memmove(to, from, HG_NAME_ROOM); }

static void widen(const float row[HG_VIEW_FEATURES], double *out)
{
  for (size_t k = 0; k < HG_VIEW_FEATURES; k++) {
    out[k] = (double)row[k];
  }
}

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
bool hg_own_learn_open(hg_own_t *own, const hg_own_look_t *looks, size_t n, double until, hg_own_actions_t *actions)
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
void hg_own_learn_follow(hg_own_t *own, const hg_own_look_t *look, hg_own_actions_t *actions)
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

bool hg_own_learn_undo(hg_own_t *own, hg_own_actions_t *actions)
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

bool hg_own_learn_told(hg_own_t *own, const hg_own_look_t *look, const hg_own_look_t *before, const hg_told_t *told,
                       const char *name, hg_own_actions_t *actions)
{
  hg_own_kept_t *kept = &own->kept;
  if (before->told && before->name[0] != 0 && same(before->name, kept->named) && !same(kept->named, name) &&
      (before->state == HG_IDENTITY_NAMED || before->state == HG_IDENTITY_OFF)) { /* it was taken back */
    const hg_lesson_t *last = hg_lessons_last(kept);
    if (last != NULL && hg_lesson_is(kept, last, before->name)) {
      hg_own_learn_undo(own, actions);
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
