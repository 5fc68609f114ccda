"""A small CLIP vocabulary, and what transformers' CLIPTokenizer makes of many prompts with it."""

import collections
import json
import random

from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizer

WORDS = """a photo of sks dog cat the in on jungle snow beach backpack wearing red hat with city background style painting
van gogh close up portrait highly detailed don't can't it's we'll they've you're i'd i'm 4k 8k 2024 naïve café über
straße привет мир 日本 語 🐶 ... -- !!! underwater swimming sleeping purple shiny cube robot toy teapot vase clock"""

PROMPTS = [
  "", " ", "a photo of sks dog", "A Photo Of SKS Dog", "a  photo\t of \n sks   dog  ", "photo, of: sks; dog!",
  "a dog's life", "don't can't it's we'll they've you're I'd I'm", "DON'T IT'S WE'LL", "'s 't 're 've 'm 'll 'd",
  "rock'n'roll o'clock 'quoted'", "4k, 8k, 2024", "1234567890", "3.14159", "v1.5-final_2", "(dog:1.2) [cat] {hat}",
  "a/b\\c|d", "email@example.com #hashtag $5 50%", "--", "...", "!!! ??? !?", "wow!!!dog", "dog...cat", "<dog>", "<|dog|>",
  "naïve café", "nai\u0308ve cafe\u0301", "über straße", "ÜBER STRASSE ẞ", "İstanbul", "привет мир", "ПРИВЕТ, МИР!",
  "日本語の犬", "犬 dog 犬", "dog犬cat", "한국어 강아지", "कुत्ता", "كلب جميل", "🐶", "a 🐶 dog 🐱", "👩‍🚀 astronaut", "🏳️‍🌈!",
  "½ ² Ⅷ ٣", "e\u0301\u0327", "zero\u200bwidth", "non\u00a0breaking\u2003space", "line\u2028separator", "\ufeffbom",
  "tab\tnew\nline\r\nreturn", "ﬁ ligature", "ｆｕｌｌ ｗｉｄｔｈ", "“curly” ‘quotes’ — dash…", "dog’s", "\u0001\u0007control",
  "supercalifragilisticexpialidocious", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "sks" * 20, "x" * 300,
  "<|endoftext|>", "a dog <|startoftext|> cat", "a photo of <|endoftext|> dog",
  " ".join(["a photo of sks dog in the jungle"] * 12), " ".join(["dog"] * 75), " ".join(["dog"] * 76), "! " * 90,
  " ".join(["dog"] * 74) + " 🐶",
]

# What random prompts are made of: letters of many kinds, numbers, marks, white space, joiners, symbols.
PIECES = [
  *"abcDEFßẞİıΣσςΩéÉñøЖжאب日本語한ह\u093f\u0301\u0308\u0327ﬁﬀｆＦªº𝐀𐐀ǅʰ",
  *"0123½²Ⅷⅷ٣৪①㊿", *"'’`\".,:;!?-_—…()[]{}<>|/\\@#$%^&*+=~€£™©°·•", *" \t\n\r\u00a0\u2003\u3000\u200b\u2060\ufeff\u0085",
  "🐶", "👩‍🚀", "🏳️‍🌈", "'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "<|endoftext|>", "<|startoftext|>", "dog", "sks", "photo",
]


def random_prompts(r, count):
  return ["".join(r.choices(PIECES, k=r.randint(1, 14))) for _ in range(count)]


def merges_of(words, count):
  """Plain byte pair encoding: joins the most frequent pair, ties by order of the alphabet."""
  split, merges = {w: [*w[:-1], w[-1] + "</w>"] for w in words}, []
  while len(merges) < count:
    pairs = collections.Counter()
    for w, parts in split.items():
      for pair in zip(parts, parts[1:]):
        pairs[pair] += words[w]
    if not pairs:
      break
    best = max(pairs, key=lambda p: (pairs[p], p))
    merges.append(best)
    for w, parts in split.items():
      i, joined = 0, []
      while i < len(parts):
        both = tuple(parts[i:i + 2]) == best
        joined.append("".join(best) if both else parts[i])
        i += 2 if both else 1
      split[w] = joined
  return merges


def write(out, seed):
  r = random.Random(seed)
  pieces = ByteLevel(add_prefix_space=False)
  to_bytes = lambda w: pieces.pre_tokenize_str(w)[0][0] if len(pieces.pre_tokenize_str(w)) == 1 else None
  words = {b: r.randint(1, 9) for w in WORDS.split() if (b := to_bytes(w))}
  merges = merges_of(words, 200 + 10 * (seed % 7))
  # CLIP's order: the bytes as it maps them to printable characters, the same at the end of a word, merges, specials.
  printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
  alphabet = [chr(b) for b in printable] + [chr(256 + i) for i in range(256 - len(printable))]
  names = alphabet + [a + "</w>" for a in alphabet] + ["".join(m) for m in merges]
  names = list(dict.fromkeys(names)) + ["<|startoftext|>", "<|endoftext|>"]
  vocab = {name: i for i, name in enumerate(names)}
  written, prompts = [], PROMPTS + random_prompts(r, 300)
  # SD 1.x pads with the end token, SD 2.x with "!".
  for folder, pad in [("tokenizer_sd1", "<|endoftext|>"), ("tokenizer_sd2", "!")]:
    to = out / folder
    to.mkdir(exist_ok=True)
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>",
               "pad_token": pad}
    files = {
      "vocab.json": json.dumps(vocab, ensure_ascii=False),
      "merges.txt": "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges),
      "special_tokens_map.json": json.dumps(special, indent=1),
      "tokenizer_config.json": json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": 77,
                                           "add_prefix_space": False, "do_lower_case": True} | special, indent=1),
    }
    for name, content in files.items():
      (to / name).write_text(content)
    t = CLIPTokenizer.from_pretrained(to)
    rows = [{"prompt": p,
             "ids": t(p).input_ids,  # however long
             "padded": t(p, padding="max_length", truncation=True, max_length=77).input_ids} for p in prompts]
    files["prompts.json"] = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
    (to / "prompts.json").write_text(files["prompts.json"])
    written += [to / name for name in files]
  return written
