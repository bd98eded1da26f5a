#include "server/budget.h"

#include <pthread.h>
#include <stdlib.h>

struct kh_budget {
    pthread_mutex_t mutex;
    pthread_cond_t given;
    size_t limit;
    size_t used;
};

struct kh_budget *kh_budget_new(size_t bytes)
{
    struct kh_budget *budget = calloc(1, sizeof *budget);

    if (budget) {
        pthread_mutex_init(&budget->mutex, NULL);
        pthread_cond_init(&budget->given, NULL);
        budget->limit = bytes;
    }
    return budget;
}

void kh_budget_free(struct kh_budget *budget)
{
    if (!budget)
        return;
    pthread_cond_destroy(&budget->given);
    pthread_mutex_destroy(&budget->mutex);
    free(budget);
}

void kh_budget_take(struct kh_budget *budget, size_t bytes)
{
    pthread_mutex_lock(&budget->mutex);
    while (budget->used > 0 && budget->used + bytes > budget->limit)
        pthread_cond_wait(&budget->given, &budget->mutex);
    budget->used += bytes;
    pthread_mutex_unlock(&budget->mutex);
}

void kh_budget_give(struct kh_budget *budget, size_t bytes)
{
    pthread_mutex_lock(&budget->mutex);
    budget->used -= bytes;
    pthread_cond_broadcast(&budget->given);
    pthread_mutex_unlock(&budget->mutex);
}
