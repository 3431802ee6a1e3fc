/* pairwise.c - pairwise covers: see pairwise.h. Each row starts from the first pair that hasn't met
 * yet; its other values are chosen one axis after the other, each to let most new pairs meet. */
#include "verify/pairwise.h"

#include <assert.h>
#include <string.h>

#define VALUES (COVER_AXES * COVER_LEVELS)

struct state {
    const struct cover *cover;
    bool met[VALUES][VALUES]; /* both ways round */
    bool set[COVER_AXES];     /* axes of the row under way that have a value */
    struct cover_row row;
    size_t turn; /* where the search for a value begins, so that ties don't favour low levels */
};

static size_t value_id(size_t axis, uint8_t level)
{
    return axis * COVER_LEVELS + level;
}

static bool excluded(const struct cover *cover, size_t axis_a, uint8_t a, size_t axis_b, uint8_t b)
{
    if (!cover->excluded)
        return false;
    return axis_a < axis_b ? cover->excluded(axis_a, a, axis_b, b)
                           : cover->excluded(axis_b, b, axis_a, a);
}

/* Number of new pairs of this value with the row so far; false: it can't stand in this row. */
static bool gain(const struct state *s, size_t axis, uint8_t level, size_t *ret)
{
    *ret = 0;
    for (size_t other = 0; other < s->cover->axes; other++) {
        if (!s->set[other])
            continue;
        if (excluded(s->cover, axis, level, other, s->row.level[other]))
            return false;
        *ret += !s->met[value_id(axis, level)][value_id(other, s->row.level[other])];
    }
    return true;
}

static bool complete_row(struct state *s)
{
    for (size_t axis = 0; axis < s->cover->axes; axis++) {
        size_t levels = s->cover->levels[axis], best = 0;
        bool found = s->set[axis];
        for (size_t i = 0; i < levels && !s->set[axis]; i++) {
            uint8_t level = (uint8_t)((i + s->turn + axis) % levels);
            size_t new_pairs;
            if (!gain(s, axis, level, &new_pairs) || (found && new_pairs <= best))
                continue;
            found = true;
            best = new_pairs;
            s->row.level[axis] = level;
        }
        if (!found)
            return false;
        s->set[axis] = true;
    }
    return true;
}

static void mark_row(struct state *s)
{
    for (size_t a = 0; a < s->cover->axes; a++)
        for (size_t b = 0; b < s->cover->axes; b++)
            s->met[value_id(a, s->row.level[a])][value_id(b, s->row.level[b])] = true;
}

/* A row in which value va of axis a meets vb of axis b; false if there is none to be had. */
static bool row_with(struct state *s, size_t a, uint8_t va, size_t b, uint8_t vb)
{
    if (excluded(s->cover, a, va, b, vb))
        return false;
    memset(s->set, 0, sizeof s->set);
    memset(&s->row, 0, sizeof s->row);
    s->set[a] = s->set[b] = true;
    s->row.level[a] = va;
    s->row.level[b] = vb;
    return complete_row(s);
}

static size_t cover_axes_pair(struct state *s, size_t a, size_t b, struct cover_row *rows,
                              size_t count, size_t limit)
{
    for (uint8_t va = 0; va < s->cover->levels[a]; va++) {
        for (uint8_t vb = 0; vb < s->cover->levels[b]; vb++) {
            if (count == limit || s->met[value_id(a, va)][value_id(b, vb)] ||
                !row_with(s, a, va, b, vb))
                continue;
            mark_row(s);
            rows[count++] = s->row;
            s->turn++;
        }
    }
    return count;
}

size_t cover_pairs(const struct cover *cover, struct cover_row *rows, size_t limit)
{
    struct state state = {.cover = cover};
    size_t count = 0;
    assert(cover->axes <= COVER_AXES);
    for (size_t a = 0; a < cover->axes; a++) {
        assert(cover->levels[a] >= 1 && cover->levels[a] <= COVER_LEVELS);
        for (size_t b = a + 1; b < cover->axes; b++)
            count = cover_axes_pair(&state, a, b, rows, count, limit);
    }
    return count;
}
