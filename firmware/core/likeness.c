#include "likeness.h"

#include <math.h>
#include <string.h>

#define UNLIKE (HG_OWN_BIAS / HG_OWN_SLOPE)

void hg_name_of(char name[HG_NAME_ROOM], const char *type, const char *model)
{
  const size_t length = strlen(type), rest = strlen(model);
  memset(name, 0, HG_NAME_ROOM);
  memcpy(name, type, length);
  name[length] = '\t';
  memcpy(name + length + 1, model, rest);
}

void hg_name_split(const char *name, char type[HG_TEXT_TYPE + 1], char model[HG_TEXT_MODEL + 1])
{
  const char *tab = strchr(name, '\t');
  memset(type, 0, HG_TEXT_TYPE + 1);
  memset(model, 0, HG_TEXT_MODEL + 1);
  if (tab != NULL && tab - name <= HG_TEXT_TYPE && strlen(tab + 1) <= HG_TEXT_MODEL) {
    memcpy(type, name, (size_t)(tab - name));
    memcpy(model, tab + 1, strlen(tab + 1));
  }
}

static bool same(const char *a, const char *b) { return strcmp(a, b) == 0; }

static void widen(const float row[HG_VIEW_FEATURES], double *out)
{
  for (size_t k = 0; k < HG_VIEW_FEATURES; k++) {
    out[k] = (double)row[k];
  }
}

size_t hg_likeness(const hg_prototypes_t *book, const float view[HG_VIEW_FEATURES], hg_near_t out[HG_PROTOTYPES_COUNT])
{
  double row[HG_VIEW_FEATURES];
  size_t n = 0;
  widen(view, row);
  for (uint32_t at = 0; at < book->used; at += hg_prototype_size(book->bytes + at)) {
    const hg_near_t found = {book->bytes + at, hg_prototypes_distance(book, book->bytes + at, row)};
    char name[HG_NAME_ROOM];
    size_t k = 0;
    hg_prototype_name(found.prototype, name);
    while (k < n && !hg_prototype_is(out[k].prototype, name)) {
      k++;
    }
    if (k == n) {
      out[n++] = found;
    } else if (found.distance < out[k].distance) {
      out[k] = found;
    }
  }
  for (size_t k = 1; k < n; k++) {
    const hg_near_t one = out[k];
    size_t place = k;
    for (; place > 0 && out[place - 1].distance > one.distance; place--) {
      out[place] = out[place - 1];
    }
    out[place] = one;
  }
  return n;
}

void hg_judge(const hg_prototypes_t *book, const float view[HG_VIEW_FEATURES], hg_identification_t *out)
{
  hg_near_t found[HG_PROTOTYPES_COUNT];
  const size_t n = hg_likeness(book, view, found);
  const double nearest = n > 0 ? found[0].distance : (double)INFINITY;
  char type[HG_TEXT_TYPE + 1], model[HG_TEXT_MODEL + 1], name[HG_NAME_ROOM];
  out->probability = out->model_probability = (double)NAN;
  out->novelty = log(fmax(nearest, 1e-3) / UNLIKE);
  if (!(nearest <= UNLIKE)) {
    out->state = HG_IDENTITY_UNKNOWN;
    return;
  }
  double whole = 1.0;
  for (size_t k = 0; k < n; k++) {
    whole += exp(HG_OWN_BIAS - HG_OWN_SLOPE * found[k].distance);
  }
  for (size_t k = 0; k < n; k++) { /* of a type the nearest name stands first: the others add to it */
    hg_prototype_name(found[k].prototype, name);
    hg_name_split(name, type, model);
    bool new = true;
    for (size_t j = 0; j < k && new; j++) {
      char other[HG_TEXT_TYPE + 1], unused[HG_TEXT_MODEL + 1];
      hg_prototype_name(found[j].prototype, name);
      hg_name_split(name, other, unused);
      new = !same(other, type);
    }
    double chance = 0.0;
    for (size_t j = k; j < n && new; j++) {
      char other[HG_TEXT_TYPE + 1], unused[HG_TEXT_MODEL + 1];
      hg_prototype_name(found[j].prototype, name);
      hg_name_split(name, other, unused);
      chance += same(other, type) ? exp(HG_OWN_BIAS - HG_OWN_SLOPE * found[j].distance) / whole : 0.0;
    }
    if (!new) {
      continue;
    }
    if (k == 0) {
      out->probability = chance;
    }
    size_t place = out->count;
    while (place > 0 && out->chances[place - 1] < chance) {
      place--;
    }
    const size_t end = out->count < HG_IDENTIFIER_CANDIDATES ? out->count : HG_IDENTIFIER_CANDIDATES - 1;
    if (place < HG_IDENTIFIER_CANDIDATES) {
      memmove(out->chances + place + 1, out->chances + place, (end - place) * sizeof out->chances[0]);
      memmove(out->candidates + place + 1, out->candidates + place, (end - place) * sizeof out->candidates[0]);
      out->chances[place] = chance;
      memcpy(out->candidates[place], type, sizeof type);
      out->count = end + 1;
    }
  }
  hg_prototype_name(found[0].prototype, name);
  hg_name_split(name, out->type, out->model);
  out->state = HG_IDENTITY_KNOWN;
  if (out->model[0] != 0) {
    out->model_probability = exp(HG_OWN_BIAS - HG_OWN_SLOPE * nearest) / whole / out->probability;
  }
}
