/* install_user.c - somebody else's program: knows midl.h and nothing else of this project. Built
 * against an installation by test_install.sh; prints the output of a layer that can be checked by
 * hand. */
#include <midl.h>
#include <stdio.h>

int main(void)
{
    /* Two inputs, two neurons; the gate's logits are 0 and -1, so that neuron 0 is selected with
     * gate 1/2: y0 = (F0 + L0) / 2 = (3 + 1) / 2, y1 = L1 = 5. */
    const float W[] = {1, 2, 7, 7}, b[] = {0, 0}, V[] = {0, 0}, U[] = {0, 0}, c[] = {1, 5},
                G[] = {0, 0, 0, 0}, h[] = {0, -1}, x[] = {1, 1};
    struct midl_layer layer = {.size = sizeof layer,
                               .shape = {.d = 2, .n = 2, .r = 1, .k = 1, .gate = MIDL_GATE_FULL},
                               .full_weight = W,
                               .full_bias = b,
                               .light_down = V,
                               .light_up = U,
                               .light_bias = c,
                               .gate_weight = G,
                               .gate_bias = h};
    struct midl_plan_options options = {.size = sizeof options, .max_batch = 1, .threads = 1};
    struct midl_plan *plan = NULL;
    char reason[MIDL_REASON_SIZE];
    float y[2];
    if (midl_plan_create(&layer, &options, &plan, reason) != MIDL_OK) {
        fprintf(stderr, "%s\n", reason);
        return 1;
    }
    midl_run(plan, 1, x, y);
    midl_plan_destroy(plan);
    printf("%g %g\n", (double)y[0], (double)y[1]);
    return 0;
}
