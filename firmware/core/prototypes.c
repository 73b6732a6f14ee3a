#include "prototypes.h"

#include <math.h>
#include <string.h>

#define VALUE_MAX 1e4 /* no feature of a signature is near it */

static bool usable(const double *window)
{
  for (size_t k = 0; k < HG_VIEW_FEATURES; k++) {
    if (!(fabs(window[k]) <= VALUE_MAX)) {
      return false;
    }
  }
  return true;
}

static double distance_to(const hg_prototypes_t *known, const hg_prototype_t *p, const double *window)
{
  double sum = 0.0;
  for (size_t k = 0; k < HG_VIEW_FEATURES; k++) {
    const double apart = ((double)p->mean[k] - window[k]) / (double)known->noise[k];
    sum += apart * apart;
  }
  return sqrt(sum / HG_VIEW_FEATURES);
}

static void drop(hg_prototypes_t *known, size_t place)
{
  known->count--;
  memmove(known->book + place, known->book + place + 1, (known->count - place) * sizeof known->book[0]);
}

static void move(hg_prototype_t *p, const double *window)
{
  p->count += p->count < HG_PROTOTYPES_COUNT_MAX;
  for (size_t k = 0; k < HG_VIEW_FEATURES; k++) {
    p->mean[k] = (float)((double)p->mean[k] + (window[k] - (double)p->mean[k]) / p->count);
  }
}

static size_t of_name(const hg_prototypes_t *known, const char *name)
{
  size_t found = 0;
  for (size_t k = 0; k < known->count; k++) {
    found += strcmp(known->book[k].name, name) == 0;
  }
  return found;
}

static size_t bytes(const hg_prototypes_t *known)
{
  size_t sum = sizeof known->noise;
  for (size_t k = 0; k < known->count; k++) {
    sum += sizeof known->book[k].mean + 4 + strlen(known->book[k].name);
  }
  return sum;
}

/* When a name or the whole book is full, the prototype seen least often goes. */
static void thin(hg_prototypes_t *known, const char *name)
{
  while (of_name(known, name) > HG_PROTOTYPES_PER_NAME) {
    size_t out = known->count;
    for (size_t k = 0; k < known->count; k++) {
      if (strcmp(known->book[k].name, name) == 0 &&
          (out == known->count || known->book[k].count < known->book[out].count)) {
        out = k;
      }
    }
    drop(known, out);
  }
  while (bytes(known) > HG_PROTOTYPES_BYTES_MAX) {
    size_t out = known->count, least = 0;
    for (size_t k = 0; k < known->count; k++) { /* the only prototype of a name goes last */
      if (of_name(known, known->book[k].name) > 1 &&
          (out == known->count || known->book[k].count < known->book[out].count)) {
        out = k;
      }
      least = known->book[k].count < known->book[least].count ? k : least;
    }
    drop(known, out < known->count ? out : least);
  }
}

static void learn(hg_prototypes_t *known, const double *window, const char *name)
{
  size_t nearest = known->count;
  double best = (double)INFINITY;
  for (size_t k = 0; k < known->count;) {
    const hg_prototype_t *p = &known->book[k];
    const double distance = distance_to(known, p, window);
    const bool same = strcmp(p->name, name) == 0;
    if (!same && distance <= HG_PROTOTYPES_CLAIM) { /* it claimed this window and stands corrected */
      drop(known, k);
      continue;
    }
    if (same && distance < best) {
      best = distance;
      nearest = k;
    }
    k++;
  }
  if (best <= HG_PROTOTYPES_SAME) {
    move(&known->book[nearest], window);
    return;
  }
  hg_prototype_t *p = &known->book[known->count++];
  memset(p, 0, sizeof *p);
  memcpy(p->name, name, strlen(name));
  p->count = 1;
  for (size_t k = 0; k < HG_VIEW_FEATURES; k++) {
    p->mean[k] = (float)window[k];
  }
}

hg_status_t hg_prototypes_init(hg_prototypes_t *known, const float noise[HG_VIEW_FEATURES])
{
  for (size_t k = 0; k < HG_VIEW_FEATURES; k++) {
    if (!(isfinite(noise[k]) && noise[k] > 0.0F)) {
      return HG_ERROR_ARGUMENT;
    }
  }
  memcpy(known->noise, noise, sizeof known->noise);
  known->count = 0;
  return HG_OK;
}

hg_status_t hg_prototypes_teach(hg_prototypes_t *known, const double *windows, size_t k, const char *name)
{
  if (k == 0 || k > HG_LESSON_MAX || name[0] == 0 || memchr(name, 0, HG_PROTOTYPES_NAME_LENGTH + 1) == NULL) {
    return HG_ERROR_ARGUMENT;
  }
  for (size_t row = 0; row < k; row++) {
    if (!usable(windows + row * HG_VIEW_FEATURES)) {
      return HG_ERROR_ARGUMENT;
    }
  }
  for (size_t row = 0; row < k; row++) {
    learn(known, windows + row * HG_VIEW_FEATURES, name);
  }
  thin(known, name);
  return HG_OK;
}

hg_status_t hg_prototypes_recognise(const hg_prototypes_t *known, const double *window, int *place, double *distance)
{
  if (!usable(window)) {
    return HG_ERROR_ARGUMENT;
  }
  *place = -1;
  *distance = (double)INFINITY;
  for (size_t k = 0; k < known->count; k++) {
    const double found = distance_to(known, &known->book[k], window);
    if (found < *distance) {
      *distance = found;
      *place = (int)k;
    }
  }
  *place = *distance <= HG_PROTOTYPES_NEAR ? *place : -1;
  return HG_OK;
}

hg_status_t hg_prototypes_follow(hg_prototypes_t *known, const double *window, int *place)
{
  int nearest;
  double distance;
  const hg_status_t status = hg_prototypes_recognise(known, window, &nearest, &distance);
  *place = -1;
  if (status != HG_OK || nearest < 0 || distance > HG_PROTOTYPES_SURE) {
    return status;
  }
  hg_prototype_t *found = &known->book[nearest];
  for (size_t k = 0; k < known->count; k++) {
    const hg_prototype_t *p = &known->book[k];
    if (strcmp(p->name, found->name) != 0 && distance_to(known, p, window) < HG_PROTOTYPES_MARGIN * distance) {
      return HG_OK;
    }
  }
  move(found, window);
  *place = nearest;
  return HG_OK;
}
