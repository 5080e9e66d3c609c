"""Texts that nobody expects: what the tokens and the weights of the page are compared on."""

ALONE = """
Word|word word word|[MASK]|<mask>|<s> </s>|a<s>b|☃|☃☃☃|🙂|🙂🙂 x 🙂|👩‍👩‍👧‍👦 family|🇨🇳 flag|
e\u0301a\u0308 combining|déjà vu|ﬁne ligature|½ ⅓ ¼|ＡＢＣ　全角|x\u00a0y|zero\u200bwidth|
zero\u200djoin|\ufeffbom|left\u200eto\u200fright|tab\there|line\nbreak|a▁b|▁|  lead|trail  |
two  spaces|\u3000|…|“quoted”|don't|it's|C++ & C#|a_b_c|http://example.org/x?y=1|user@example.org|
3.14159|1,000,000|12:30|-5°C|50%|€100|E=mc²|H₂O|x→y|∀x∃y|√2≈1.41|مرحبا بالعالم|أنا مبرمج|שלום עולם|
Привет, мир!|Я программист.|Γειά σου Κόσμε|नमस्ते दुनिया|สวัสดีชาวโลก|안녕하세요 세계|
저는 프로그래머입니다|こんにちは世界|私はプログラマーです|ﾊﾝｶｸ|你好，世界！|我是程序员。|程式設計師|
牛马|我爱Python编程|在Beijing住|Xin chào thế giới|Merhaba dünya|İstanbul|ß straße|Ĳsland|ǅ|ʻokina|
Ünïcödé|naïve café|Hallo Welt|Ich bin Programmierer und wohne in Berlin.|Bonjour le monde|
Je suis programmeur.|Hola mundo|Soy programador.|Olá mundo|Ciao mondo|Hej världen|Szia világ|
Ahoj světe|I am a programmer.|She said that she is tired.|The old man the boats.|
buffalo buffalo buffalo|aaaaaaaaaaaaaaaaaaaaaaaa|qxzvkj|ABCDEFGHIJKLMNOP|aBcDeF|!!!???|....|,,,|;|-|
—|()[]{}|<>|&amp;|\\n|\\u0041|"|'|`|@#$%^&*|~|^|¡|¿|©®™|№|ℵ|ℕ|𝔘𝔫𝔦|𝒜|𐍈|𓀀|꧁|ᚠ|ꙮ|𠮷野家|㍿|①②③|Ⅷ|ﷺ|ﬃ|ǆ|
Å|Ω|µ|
""".replace("\n", "")
WORDS = ("programmer", "程序员", "ich", "мир", "سلام", "🙂", "2026", "a", "，", "the")
MADE = [" ".join(WORDS[(i * j) % len(WORDS)] for j in range(1, 2 + i % 9)) for i in range(60)]
ODD_TEXTS = [
    "",
    " ",
    "antidisestablishmentarianism" * 4,
    "程序员" * 15,
    " ".join(["a"] * 58),
    "\x01control\x1f",
    *filter(None, ALONE.split("|")),
    *dict.fromkeys(MADE),
]
