#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
// jpeglib.h needs stdio.h before it.
#include <jpeglib.h>
#include <jerror.h>

#include "colour.h"

typedef struct {
  struct jpeg_error_mgr manager;  // first: libjpeg hands out a pointer to it
  jmp_buf escape;
  codec_picture *picture;
  colour_reader colour;
  JOCTET *icc;
  uint8_t *row;
} failure;

static void fail(j_common_ptr jpeg) {
  failure *f = (failure *)jpeg->err;
  char text[JMSG_LENGTH_MAX];
  f->manager.format_message(jpeg, text);
  snprintf(f->picture->message, CODEC_MESSAGE, "%s", text);
  longjmp(f->escape, 1);
}

/// Warnings end the decoding, save those about headers that leave the pixels alone.
static void warn(j_common_ptr jpeg, int level) {
  if (level >= 0) return;
  switch (jpeg->err->msg_code) {
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR: return;
    default: fail(jpeg);
  }
}

static void stop(failure *f, j_decompress_ptr jpeg, const char *reason) {
  (void)jpeg;
  snprintf(f->picture->message, CODEC_MESSAGE, "%s", reason);
  longjmp(f->escape, 1);
}

static colour_space output_space(failure *f, j_decompress_ptr jpeg) {
  switch (jpeg->num_components) {
    case 1: jpeg->out_color_space = JCS_GRAYSCALE; return COLOUR_GREY;
    case 3: jpeg->out_color_space = JCS_RGB; return COLOUR_RGB;
    case 4:
      jpeg->out_color_space = JCS_CMYK;
      // Adobe stores the inks inverted.
      return jpeg->saw_Adobe_marker ? COLOUR_CMYK_INVERTED : COLOUR_CMYK;
    default: stop(f, jpeg, "neither grey nor RGB nor CMYK"); return COLOUR_GREY;
  }
}

static void read_picture(failure *f, j_decompress_ptr jpeg, const uint8_t *bytes, size_t size) {
  codec_picture *picture = f->picture;
  jpeg_mem_src(jpeg, bytes, size);
  jpeg_save_markers(jpeg, JPEG_APP0 + 2, 0xFFFF);
  jpeg_read_header(jpeg, TRUE);
  if (jpeg->image_width != picture->width || jpeg->image_height != picture->height ||
      picture->capacity < (size_t)picture->width * picture->height * 3)
    stop(f, jpeg, "two sizes in one file");
  colour_space space = output_space(f, jpeg);
  unsigned int icc_size = 0;
  if (!jpeg_read_icc_profile(jpeg, &f->icc, &icc_size)) f->icc = NULL;
  f->colour = colour_open(space, 0, f->icc, icc_size, picture);
  jpeg_start_decompress(jpeg);
  f->row = malloc((size_t)picture->width * jpeg->output_components);
  if (f->row == NULL) stop(f, jpeg, "out of memory");
  while (jpeg->output_scanline < jpeg->output_height) {
    uint8_t *rgb = picture->buffer + (size_t)jpeg->output_scanline * picture->width * 3;
    JSAMPROW rows[1] = {f->row};
    jpeg_read_scanlines(jpeg, rows, 1);
    colour_row(&f->colour, f->row, rgb, picture);
  }
  jpeg_finish_decompress(jpeg);
}

int codec_jpeg_decode(const uint8_t *bytes, size_t size, codec_picture *picture) {
  struct jpeg_decompress_struct jpeg = {0};
  failure f = {.picture = picture};
  jpeg.err = jpeg_std_error(&f.manager);
  f.manager.error_exit = fail;
  f.manager.emit_message = warn;
  volatile int done = 0;
  if (!setjmp(f.escape)) {
    jpeg_create_decompress(&jpeg);
    read_picture(&f, &jpeg, bytes, size);
    done = 1;
  }
  jpeg_destroy_decompress(&jpeg);
  colour_close(&f.colour);
  free(f.icc);
  free(f.row);
  return done;
}
