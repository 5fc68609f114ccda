static void gather_rows(
    const float *f32, const uint16_t *bf16, const long *ids, long count, float *y, long width) {
  parallel(count, double(count) * width, [=](long begin, long end) {
    for (long r = begin; r < end; r++) {
      if (f32) {
        memcpy(y + r * width, f32 + ids[r] * width, sizeof(float) * width);
      } else {
        const uint16_t *row = bf16 + ids[r] * width;
        for (long i = 0; i < width; i++)
          y[r * width + i] = __builtin_bit_cast(float, uint32_t(row[i]) << 16);
      }
    }
  });
}

static void scatter_add_rows(
    const float *dy, const long *ids, long count, float *d_table, long width) {
  // Split by columns, so that every thread adds in the order of r.
  parallel((width + L - 1) / L, double(count) * width, [=](long begin, long end) {
    long last = end * L < width ? end * L : width;
    for (long r = 0; r < count; r++) {
      float *row = d_table + ids[r] * width;
      for (long i = begin * L; i < last; i += L)
        store_upto(
            row + i, load_upto(row + i, last - i) + load_upto(dy + r * width + i, last - i),
            last - i);
    }
  });
}

static void copy_rows(
    const float *x, long x_stride, float *y, long y_stride, long rows, long width) {
  parallel(rows, double(rows) * width, [=](long begin, long end) {
    for (long r = begin; r < end; r++)
      memcpy(y + r * y_stride, x + r * x_stride, sizeof(float) * width);
  });
}

/// Axes of y, outermost first, after dropping ones and joining axes that stay neighbours.
struct Axis { long size, stride; };

static int joined_axes(const ck_permutation &p, Axis *out) {
  long stride[6], step = 1;
  for (int i = p.rank - 1; i >= 0; i--) {
    stride[i] = step;
    step *= p.shape[i];
  }
  int rank = 0;
  for (int i = 0; i < p.rank; i++) {
    Axis a{p.shape[p.axes[i]], stride[p.axes[i]]};
    if (a.size == 1) continue;
    if (rank && out[rank - 1].stride == a.stride * a.size) {
      out[rank - 1] = {out[rank - 1].size * a.size, a.stride};
    } else {
      out[rank++] = a;
    }
  }
  return rank;
}

/// y[i, j] = x[j * column + i * row] for one plane.
static void transpose_plane(
    const float *x, long row, long column, float *y, long y_row, long rows, long columns) {
  if (row == 1) {
    for (long i = 0; i < rows; i += L)
      for (long j = 0; j < columns; j += L)
        transpose_tile(
            x + j * column + i, column, y + i * y_row + j, y_row, columns - j, rows - i,
            columns - j);
    return;
  }
  constexpr long tile = 32;
  for (long i0 = 0; i0 < rows; i0 += tile)
    for (long j0 = 0; j0 < columns; j0 += tile) {
      long i1 = i0 + tile < rows ? i0 + tile : rows;
      long j1 = j0 + tile < columns ? j0 + tile : columns;
      for (long i = i0; i < i1; i++)
        for (long j = j0; j < j1; j++) y[i * y_row + j] = x[j * column + i * row];
    }
}

static void permute(const float *x, ck_permutation p, float *y) {
  Axis axes[6];
  int rank = joined_axes(p, axes);
  long count = 1;
  for (int i = 0; i < rank; i++) count *= axes[i].size;
  if (rank <= 1) {  // nothing moves
    copy_rows(x, chunk, y, chunk, count / chunk, chunk);
    memcpy(y + count / chunk * chunk, x + count / chunk * chunk, sizeof(float) * (count % chunk));
    return;
  }
  Axis last = axes[rank - 1];
  // The axis of y that is innermost in x pairs with y's own innermost axis as a plane.
  int inner = rank - 1;
  for (int i = 0; i < rank - 1; i++)
    if (axes[i].stride == 1) inner = i;
  bool rows_move_whole = last.stride == 1;
  if (rows_move_whole) inner = rank - 2;
  Axis plane = axes[inner];
  long y_stride[6], step = 1;
  for (int i = rank - 1; i >= 0; i--) {
    y_stride[i] = step;
    step *= axes[i].size;
  }
  Axis outer[6];
  long outer_y[6], outer_count = 1;
  int outer_rank = 0;
  for (int i = 0; i < rank - 1; i++)
    if (i != inner) {
      outer[outer_rank] = axes[i];
      outer_y[outer_rank++] = y_stride[i];
      outer_count *= axes[i].size;
    }
  // A plane is cut into strips so that one large plane still has work for every thread.
  long strip = 64;
  long strips = (plane.size + strip - 1) / strip, y_row = y_stride[inner];
  parallel(outer_count * strips, count, [=](long begin, long end) {
    for (long task = begin; task < end; task++) {
      long rest = task / strips, from = 0, to = 0;
      for (int i = outer_rank - 1; i >= 0; i--) {
        long index = rest % outer[i].size;
        rest /= outer[i].size;
        from += index * outer[i].stride;
        to += index * outer_y[i];
      }
      long i0 = task % strips * strip;
      long rows = plane.size - i0 < strip ? plane.size - i0 : strip;
      const float *source = x + from + i0 * plane.stride;
      float *target = y + to + i0 * y_row;
      if (rows_move_whole) {
        for (long i = 0; i < rows; i++)
          memcpy(target + i * y_row, source + i * plane.stride, sizeof(float) * last.size);
      } else {
        transpose_plane(source, plane.stride, last.stride, target, y_row, rows, last.size);
      }
    }
  });
}

static void upsample2x(const float *x, float *y, long B, long H, long W, long C) {
  parallel(B * H, 4.0 * B * H * W * C, [=](long begin, long end) {
    for (long row = begin; row < end; row++) {
      float *top = y + row * 4 * W * C;
      for (long w = 0; w < W; w++)
        for (int twice = 0; twice < 2; twice++)
          memcpy(top + (2 * w + twice) * C, x + (row * W + w) * C, sizeof(float) * C);
      memcpy(top + 2 * W * C, top, sizeof(float) * 2 * W * C);
    }
  });
}

static void upsample2x_backward(
    const float *dy, float *dx, long B, long H, long W, long C) {
  parallel(B * H, 4.0 * B * H * W * C, [=](long begin, long end) {
    for (long row = begin; row < end; row++)
      for (long w = 0; w < W; w++) {
        const float *top = dy + row * 4 * W * C + 2 * w * C, *bottom = top + 2 * W * C;
        for (long c = 0; c < C; c += L) {
          long n = C - c;
          vf sum = (load_upto(top + c, n) + load_upto(top + C + c, n)) +
                   (load_upto(bottom + c, n) + load_upto(bottom + C + c, n));
          store_upto(dx + (row * W + w) * C + c, sum, n);
        }
      }
  });
}
