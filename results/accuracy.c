/* accuracy.c - rows of table accuracy_row. */
#include "accuracy.h"

#include "store_internal.h"

static enum store_status put_row(struct store *store, sqlite3_stmt *statement, int64_t run_id,
                                 const struct store_accuracy *row, const char *doing)
{
    const struct value none = as_text(NULL);
    const struct value values[] = {as_integer(run_id),
                                   as_text(row->dataset),
                                   as_text(row->model),
                                   as_text(row->method),
                                   as_integer((int64_t)row->seed),
                                   as_integer(row->epoch),
                                   as_text(row->split),
                                   row->k < 0 ? none : as_integer(row->k),
                                   as_real(row->active),
                                   as_real(row->accuracy),
                                   as_real(row->loss),
                                   as_real(row->flops_ratio),
                                   as_real(row->noise),
                                   as_integer(row->train_size),
                                   as_text(row->experiment),
                                   as_text(row->rule),
                                   as_text(row->gate),
                                   as_text(row->select_mode),
                                   row->rank > 0 ? as_integer(row->rank) : none,
                                   as_real(row->epochs),
                                   as_real(row->epoch_s),
                                   as_real(row->peak_bytes),
                                   as_integer(row->examples),
                                   as_real(row->explained)};
    return store_write_row(store, statement, values, COUNT(values), doing);
}

enum store_status store_put_accuracies(struct store *store, int64_t run_id,
                                       const struct store_accuracy *rows, size_t count)
{
    static const char doing[] = "store an accuracy";
    sqlite3_stmt *statement = NULL;
    enum store_status status = store_begin(store, doing);
    if (status != STORE_OK)
        return status;
    status = store_prepare(
        store,
        "INSERT INTO accuracy_row (run_id, dataset, model, method, seed, epoch, split, k, active, "
        "accuracy, loss, flops_ratio, noise, train_size, experiment, rule, gate, select_mode, "
        "rank, "
        "epochs, epoch_s, peak_bytes, examples, explained) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        doing, &statement);
    for (size_t i = 0; i < count && status == STORE_OK; i++)
        status = put_row(store, statement, run_id, &rows[i], doing);
    sqlite3_finalize(statement);
    return store_end(store, status, doing);
}

enum store_status store_has_experiment(struct store *store, const char *experiment, bool *ret_found)
{
    const struct value values[] = {as_text(experiment)};
    int64_t found = 0;
    enum store_status status = store_ask(
        store, "SELECT count(*) FROM accuracy_row WHERE experiment = ? AND split = 'test'", values,
        1, "look for an experiment", &found);
    if (status == STORE_OK)
        *ret_found = found > 0;
    return status;
}
