/* Corrections that can be taken back, the last first: what each name had before, and what it dropped of others.
 * Twin of hearthgrid_core.devices.own_file.Lesson and its use in own. */
#ifndef HEARTHGRID_LESSONS_H
#define HEARTHGRID_LESSONS_H

#include "own.h"

/* The newest lesson, NULL = none; the one of a number, NULL = it is not remembered any more. */
hg_lesson_t *hg_lessons_last(hg_own_kept_t *kept);
hg_lesson_t *hg_lessons_find(hg_own_kept_t *kept, uint32_t number);
bool hg_lesson_is(const hg_own_kept_t *kept, const hg_lesson_t *lesson, const char *name);

/* Begin one of `name`, with the prototypes it has; its number. The oldest go where there is no room. */
uint32_t hg_lessons_begin(hg_own_kept_t *kept, const char *name, const char *before);

/* Teach, and note in a lesson of that name what of others that dropped. number 0 = in none. */
hg_status_t hg_lessons_teach(hg_own_kept_t *kept, const double *windows, size_t k, const char *name, uint32_t number);

/* Take the last one back: its name, what the load was called before, and its number. HG_ERROR_SHORT: there is none. */
hg_status_t hg_lessons_undo(hg_own_kept_t *kept, char name[HG_NAME_ROOM], char before[HG_NAME_ROOM], uint32_t *number);

/* Whether they can be what this core wrote. */
bool hg_lessons_sound(const hg_own_kept_t *kept);

#endif
