/* What an outlet learns of the devices on it, as own.c is told; nobody else includes this.
 * Twin of the learning in hearthgrid_core.devices.own. */
#ifndef HEARTHGRID_OWN_LEARN_H
#define HEARTHGRID_OWN_LEARN_H

#include "own.h"

/* What the open label says of looks that end by `until` [s]; all of one label are one correction. */
bool hg_own_learn_open(hg_own_t *own, const hg_own_look_t *looks, size_t n, double until, hg_own_actions_t *actions);

/* What the hub said of a look, which stood as `before`; name: of the device, empty = it names none. */
bool hg_own_learn_told(hg_own_t *own, const hg_own_look_t *look, const hg_own_look_t *before, const hg_told_t *told,
                       const char *name, hg_own_actions_t *actions);

/* Follow a device that nobody confirms, only where no other is near: small steps astray add up. */
void hg_own_learn_follow(hg_own_t *own, const hg_own_look_t *look, hg_own_actions_t *actions);

/* Take the last correction back; false where there is none. */
bool hg_own_learn_undo(hg_own_t *own, hg_own_actions_t *actions);

#endif
