// The own kernels, listed once: CK_OWN(name, parameters, arguments). The header declares them,
// each instruction set defines them, the dispatcher joins the two.
#ifdef CK_OWN
#pragma clang assume_nonnull begin

/// Of `a_f32` and `a_bf16` exactly one is given; likewise for `b`.
CK_OWN(matmul,
       (const float *_Nullable a_f32, const uint16_t *_Nullable a_bf16,
        const float *_Nullable b_f32, const uint16_t *_Nullable b_bf16,
        const float *_Nullable bias, float *c, ck_matmul_shape s),
       (a_f32, a_bf16, b_f32, b_bf16, bias, c, s))
/// Of `w_f32` and `w_bf16` exactly one is given; weight is [Cout, Cin, kh, kw].
CK_OWN(conv,
       (const float *x, const float *_Nullable w_f32, const uint16_t *_Nullable w_bf16,
        const float *_Nullable bias, float *y, ck_conv_shape s, int bf16),
       (x, w_f32, w_bf16, bias, y, s, bf16))
CK_OWN(conv_backward_input,
       (const float *dy, const float *_Nullable w_f32, const uint16_t *_Nullable w_bf16,
        float *dx, ck_conv_shape s, int bf16),
       (dy, w_f32, w_bf16, dx, s, bf16))
/// d_weight = ..., or += ... with `accumulate`
CK_OWN(conv_backward_weight,
       (const float *x, const float *dy, float *d_weight, ck_conv_shape s, int accumulate, int bf16),
       (x, dy, d_weight, s, accumulate, bf16))

CK_OWN(unary, (int f, const float *x, float *y, long n), (f, x, y, n))
CK_OWN(unary_backward, (int f, const float *x, const float *dy, float *dx, long n),
       (f, x, dy, dx, n))
CK_OWN(binary, (int op, const float *a, const float *b, float *y, long n), (op, a, b, y, n))
CK_OWN(broadcast,
       (int op, const float *a, const float *b, float *y, long outer, long middle, long inner),
       (op, a, b, y, outer, middle, inner))
/// Of `f32` and `bf16` exactly one is given.
CK_OWN(geglu,
       (const float *_Nullable f32, const uint16_t *_Nullable bf16, float *y, long rows,
        long width),
       (f32, bf16, y, rows, width))
CK_OWN(geglu_backward,
       (const float *_Nullable f32, const uint16_t *_Nullable bf16, const float *dy, float *dx,
        long rows, long width),
       (f32, bf16, dy, dx, rows, width))
CK_OWN(affine, (const float *x, float *y, float scale, float shift, long n),
       (x, y, scale, shift, n))
CK_OWN(accumulate, (const float *x, float scale, float *y, long n), (x, scale, y, n))

CK_OWN(sum_middle, (const float *x, float *y, long outer, long middle, long inner, int add),
       (x, y, outer, middle, inner, add))
CK_OWN(sum, (const float *x, long n, double *result), (x, n, result))
CK_OWN(sum_of_squares, (const float *x, long n, double *result), (x, n, result))
CK_OWN(all_finite, (const float *x, long n, int *result), (x, n, result))

CK_OWN(group_norm,
       (const float *x, const float *weight, const float *bias, float *y, float *mean,
        float *rstd, ck_group_norm_shape s),
       (x, weight, bias, y, mean, rstd, s))
CK_OWN(group_norm_backward,
       (const float *x, const float *weight, const float *bias, const float *mean,
        const float *rstd, const float *dy, float *_Nullable dx, float *_Nullable d_weight,
        float *_Nullable d_bias, ck_group_norm_shape s),
       (x, weight, bias, mean, rstd, dy, dx, d_weight, d_bias, s))
CK_OWN(layer_norm,
       (const float *x, const float *weight, const float *bias, float *y, float *mean,
        float *rstd, long rows, long width, float eps),
       (x, weight, bias, y, mean, rstd, rows, width, eps))
CK_OWN(layer_norm_backward,
       (const float *x, const float *weight, const float *mean, const float *rstd,
        const float *dy, float *_Nullable dx, float *_Nullable d_weight, float *_Nullable d_bias,
        long rows, long width),
       (x, weight, mean, rstd, dy, dx, d_weight, d_bias, rows, width))

CK_OWN(softmax, (const float *x, float *y, long rows, long width), (x, y, rows, width))
CK_OWN(softmax_backward, (const float *y, const float *dy, float *dx, long rows, long width),
       (y, dy, dx, rows, width))
CK_OWN(attention,
       (const float *q, const float *k, const float *v, float *o, float *log_sum_exp,
        ck_attention_shape s),
       (q, k, v, o, log_sum_exp, s))
CK_OWN(attention_backward,
       (const float *q, const float *k, const float *v, const float *o, const float *log_sum_exp,
        const float *d_o, float *dq, float *dk, float *dv, ck_attention_shape s),
       (q, k, v, o, log_sum_exp, d_o, dq, dk, dv, s))

CK_OWN(gather_rows,
       (const float *_Nullable f32, const uint16_t *_Nullable bf16, const long *ids, long count,
        float *y, long width),
       (f32, bf16, ids, count, y, width))
CK_OWN(scatter_add_rows,
       (const float *dy, const long *ids, long count, float *d_table, long width),
       (dy, ids, count, d_table, width))
CK_OWN(permute, (const float *x, ck_permutation p, float *y), (x, p, y))
CK_OWN(copy_rows,
       (const float *x, long x_stride, float *y, long y_stride, long rows, long width),
       (x, x_stride, y, y_stride, rows, width))
CK_OWN(upsample2x, (const float *x, float *y, long B, long H, long W, long C),
       (x, y, B, H, W, C))
CK_OWN(upsample2x_backward, (const float *dy, float *dx, long B, long H, long W, long C),
       (dy, dx, B, H, W, C))

CK_OWN(to_bf16, (const float *x, uint16_t *y, long n), (x, y, n))
CK_OWN(from_bf16, (const uint16_t *x, float *y, long n), (x, y, n))
CK_OWN(from_f16, (const uint16_t *x, float *y, long n), (x, y, n))

CK_OWN(adamw,
       (float *p, const float *gradient, float *m, float *v, long n, ck_adamw_step s),
       (p, gradient, m, v, n, s))
CK_OWN(adamw_compact,
       (float *p, const float *gradient, uint8_t *m, uint8_t *v, float *scales, long n,
        ck_adamw_step s, ck_draw draw),
       (p, gradient, m, v, scales, n, s, draw))

#pragma clang assume_nonnull end
#endif
