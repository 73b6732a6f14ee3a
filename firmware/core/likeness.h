/* How like a look is to what is in the book, and what it then is. Twin of hearthgrid_core.devices.own.judge. */
#ifndef HEARTHGRID_LIKENESS_H
#define HEARTHGRID_LIKENESS_H

#include "own.h"

typedef struct {
  const uint8_t *prototype; /* the nearest of its name */
  double distance;
} hg_near_t;

/* The name of a device's prototypes, and what it is made of. */
void hg_name_of(char name[HG_NAME_ROOM], const char *type, const char *model);
void hg_name_split(const char *name, char type[HG_TEXT_TYPE + 1], char model[HG_TEXT_MODEL + 1]);

/* Every name of the book with its distance, nearest first; how many. */
size_t hg_likeness(const hg_prototypes_t *book, const float view[HG_VIEW_FEATURES], hg_near_t out[HG_PROTOTYPES_COUNT]);

/* What a look is by prototypes alone: the odds of each name fall with its distance. `out` holds nothing before. */
void hg_judge(const hg_prototypes_t *book, const float view[HG_VIEW_FEATURES], hg_identification_t *out);

#endif
