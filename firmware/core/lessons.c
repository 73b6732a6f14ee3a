#include "lessons.h"

#include <string.h>

static uint32_t start(const hg_own_kept_t *kept, const hg_lesson_t *lesson)
{
  uint32_t at = 0;
  for (const hg_lesson_t *l = kept->lesson; l < lesson; l++) {
    at += l->size;
  }
  return at;
}

static const uint8_t *own_of(const hg_own_kept_t *kept, const hg_lesson_t *l)
{
  return kept->undo + start(kept, l) + l->name + l->before;
}

hg_lesson_t *hg_lessons_last(hg_own_kept_t *kept)
{
  return kept->lessons > 0 ? &kept->lesson[kept->lessons - 1] : NULL;
}

hg_lesson_t *hg_lessons_find(hg_own_kept_t *kept, uint32_t number)
{
  for (size_t k = 0; k < kept->lessons; k++) {
    if (kept->lesson[k].number == number) {
      return &kept->lesson[k];
    }
  }
  return NULL;
}

bool hg_lesson_is(const hg_own_kept_t *kept, const hg_lesson_t *lesson, const char *name)
{
  return strlen(name) == lesson->name && memcmp(kept->undo + start(kept, lesson), name, lesson->name) == 0;
}

static void forget_oldest(hg_own_kept_t *kept)
{
  kept->used -= kept->lesson[0].size;
  memmove(kept->undo, kept->undo + kept->lesson[0].size, kept->used);
  kept->lessons--;
  memmove(kept->lesson, kept->lesson + 1, kept->lessons * sizeof kept->lesson[0]);
}

/* Add bytes at the end of a lesson; false where it is not remembered, or no longer because of them. */
static bool add(hg_own_kept_t *kept, uint32_t number, const uint8_t *bytes, uint32_t count)
{
  hg_lesson_t *lesson = hg_lessons_find(kept, number);
  while (lesson != NULL && count > HG_OWN_UNDO_MAX - kept->used) {
    forget_oldest(kept);
    lesson = hg_lessons_find(kept, number);
  }
  if (lesson == NULL) {
    return false;
  }
  uint8_t *to = kept->undo + start(kept, lesson) + lesson->size;
  memmove(to + count, to, kept->used - (uint32_t)(to - kept->undo));
  memcpy(to, bytes, count);
  lesson->size = (uint16_t)(lesson->size + count);
  kept->used += count;
  return true;
}

uint32_t hg_lessons_begin(hg_own_kept_t *kept, const char *name, const char *before)
{
  if (kept->lessons == HG_OWN_LESSONS) {
    forget_oldest(kept);
  }
  const uint32_t number = ++kept->numbers;
  kept->lesson[kept->lessons++] = (hg_lesson_t){.number = number};
  bool held = add(kept, number, (const uint8_t *)name, (uint32_t)strlen(name)) &&
              add(kept, number, (const uint8_t *)before, (uint32_t)strlen(before));
  hg_lessons_last(kept)->name = (uint8_t)strlen(name);
  hg_lessons_last(kept)->before = (uint8_t)strlen(before);
  uint32_t place = 0;
  for (uint32_t at = 0; at < kept->book.used && held; place++) {
    uint8_t *p = kept->book.bytes + at;
    at += hg_prototype_size(p);
    if (hg_prototype_is(p, name)) {
      hg_prototype_set_place(p, place);
      held = add(kept, number, p, hg_prototype_size(p));
      hg_lessons_last(kept)->own = (uint16_t)(hg_lessons_last(kept)->own + hg_prototype_size(p));
    }
  }
  return number;
}

typedef struct {
  hg_own_kept_t *kept;
  uint32_t number;
} note_t;

static void note(void *context, const uint8_t *prototype)
{
  const note_t *n = context;
  const uint32_t size = hg_prototype_size(prototype);
  if (add(n->kept, n->number, prototype, size)) {
    hg_lesson_t *lesson = hg_lessons_find(n->kept, n->number);
    lesson->gone = (uint16_t)(lesson->gone + size);
  }
}

/* The places of what was dropped now are those among the others as they were now: what the lesson dropped before has
 * to be counted in. */
static void settle(hg_own_kept_t *kept, const hg_lesson_t *lesson, uint32_t earlier)
{
  uint8_t *gone = kept->undo + (own_of(kept, lesson) - kept->undo) + lesson->own;
  for (uint32_t at = earlier; at < lesson->gone; at += hg_prototype_size(gone + at)) {
    uint32_t place = hg_prototype_place(gone + at);
    for (int64_t last = -1;;) { /* those of before, from the lowest place up */
      int64_t next = INT64_MAX;
      for (uint32_t old = 0; old < earlier; old += hg_prototype_size(gone + old)) {
        const int64_t found = hg_prototype_place(gone + old);
        next = found > last && found < next ? found : next;
      }
      if (next > (int64_t)place) {
        break;
      }
      place++;
      last = next;
    }
    hg_prototype_set_place(gone + at, place);
  }
}

hg_status_t hg_lessons_teach(hg_own_kept_t *kept, const double *windows, size_t k, const char *name, uint32_t number)
{
  const hg_lesson_t *lesson = hg_lessons_find(kept, number);
  const bool noted = lesson != NULL && hg_lesson_is(kept, lesson, name);
  const uint32_t earlier = noted ? lesson->gone : 0;
  note_t context = {kept, number};
  const hg_lost_t lost = {note, &context};
  const hg_status_t status = hg_prototypes_teach(&kept->book, windows, k, name, noted ? &lost : NULL);
  lesson = noted ? hg_lessons_find(kept, number) : NULL;
  if (lesson != NULL) {
    settle(kept, lesson, earlier);
  }
  return status;
}

hg_status_t hg_lessons_undo(hg_own_kept_t *kept, char name[HG_NAME_ROOM], char before[HG_NAME_ROOM], uint32_t *number)
{
  const hg_lesson_t *last = hg_lessons_last(kept);
  if (last == NULL) {
    return HG_ERROR_SHORT;
  }
  const uint8_t *bytes = kept->undo + start(kept, last), *own = own_of(kept, last);
  memset(name, 0, HG_NAME_ROOM);
  memset(before, 0, HG_NAME_ROOM);
  memcpy(name, bytes, last->name);
  memcpy(before, bytes + last->name, last->before);
  *number = last->number;
  hg_prototypes_put_back(&kept->book, name, own, last->own, own + last->own, last->gone);
  kept->used -= last->size;
  kept->lessons--;
  return HG_OK;
}

static bool all_of(const uint8_t *bytes, uint32_t length, const char *name, bool wanted)
{
  for (uint32_t at = 0; at < length; at += hg_prototype_size(bytes + at)) {
    if (hg_prototype_is(bytes + at, name) != wanted) {
      return false;
    }
  }
  return true;
}

bool hg_lessons_sound(const hg_own_kept_t *kept)
{
  uint32_t used = 0;
  if (kept->lessons > HG_OWN_LESSONS || kept->used > HG_OWN_UNDO_MAX) {
    return false;
  }
  for (const hg_lesson_t *l = kept->lesson; l < kept->lesson + kept->lessons; l++) {
    char name[HG_NAME_ROOM] = {0};
    size_t count;
    if (l->name == 0 || l->name > HG_PROTOTYPES_NAME_LENGTH || l->before > HG_PROTOTYPES_NAME_LENGTH ||
        l->size > kept->used - used || (uint32_t)l->name + l->before + l->own + l->gone != l->size || l->number == 0 ||
        memchr(kept->undo + used, 0, (size_t)l->name + l->before) != NULL) {
      return false;
    }
    const uint8_t *own = kept->undo + used + l->name + l->before;
    memcpy(name, kept->undo + used, l->name);
    if (!hg_prototypes_sound(own, l->own, &count) || !hg_prototypes_sound(own + l->own, l->gone, &count) ||
        !all_of(own, l->own, name, true) || !all_of(own + l->own, l->gone, name, false)) {
      return false;
    }
    used += l->size;
  }
  return used == kept->used;
}
