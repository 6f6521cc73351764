"""What may be billed with what, to whom and for what: facts of the county beside its prices.

In: nothing. Out: tables by the names of `catalogue.py`. Innocent claims keep them; the registers
publish them as lists.
"""

from __future__ import annotations

# The first item includes the second: both on one day is a duplicate charge.
EXCLUSIVE_PAIRS = (
    ("心电监护", "心电图"),
    ("动态心电图", "心电图"),
    ("清创缝合", "换药"),
    ("石膏固定", "换药"),
    ("静脉化疗", "静脉输液"),
    ("血液透析", "静脉输液"),
    ("一级护理", "二级护理"),
    ("腹部彩超", "泌尿系彩超"),
    ("胸部CT平扫", "胸部正位片"),
    ("特级护理", "一级护理"),
    ("监护病房床位费", "普通病房床位费"),
    ("全身麻醉", "椎管内麻醉"),
)
# Paid only with a diagnosis of one of these groups.
INDICATIONS = {
    "他克莫司胶囊": ("renal",),
    "安罗替尼胶囊": ("onc",),
    "恩扎卢胺软胶囊": ("onc",),
    "重组人促红素注射液": ("renal",),
    "沙美特罗替卡松粉吸入剂": ("copd",),
    "噻托溴铵粉吸入剂": ("copd",),
    "恩替卡韦分散片": ("liver",),
    "奥氮平片": ("psy",),
    "舍曲林片": ("psy",),
    "甘精胰岛素注射液": ("dm",),
    "门冬胰岛素注射液": ("dm",),
    "左甲状腺素钠片": ("thy",),
}
# Lowest and highest age in whole years; None is no limit.
AGE_LIMITS: dict[str, tuple[int | None, int | None]] = {
    "产科彩超": (12, 55),
    "产前胎心监护": (12, 55),
    "叶酸片": (12, 55),
    "缩宫素注射液": (12, 55),
    "顺产接生": (12, 55),
    "剖宫产术": (12, 55),
    "新生儿胆红素测定": (None, 1),
    "新生儿光疗": (None, 1),
    "白内障超声乳化术": (18, None),
    "人工晶体": (18, None),
}
AGE_LIMITED_DIAGNOSES: dict[str, tuple[int | None, int | None]] = {
    "O80.0": (12, 55),
    "O82.0": (12, 55),
    "Z34.9": (12, 55),
    "P59.9": (None, 1),
    "Z38.0": (None, 1),
}
# An operation through the same access in the same session, billed at a reduced price.
SECOND_OPERATION = {
    "K35.8": "腹腔镜胆囊切除术",
    "K80.1": "阑尾切除术",
    "D25.9": "阑尾切除术",
    "O82.0": "子宫肌瘤切除术",
}
SECOND_PERMILLE = 500
# Minutes an item takes the doctor who gives it.
SERVICE_MINUTES = {
    "一般诊疗费": 4,
    "普通门诊诊查费": 5,
    "专家门诊诊查费": 8,
    "急诊诊查费": 8,
    "针灸": 25,
    "推拿治疗": 30,
    "康复运动疗法": 40,
    "心理治疗": 50,
    "清创缝合": 30,
    "拔牙术": 25,
    "根管治疗": 45,
    "龋齿充填": 30,
    "胃镜检查": 15,
    "结肠镜检查": 30,
    "顺产接生": 90,
    "剖宫产术": 80,
    "阑尾切除术": 70,
    "腹腔镜胆囊切除术": 90,
    "子宫肌瘤切除术": 110,
    "骨折切开复位内固定术": 120,
    "白内障超声乳化术": 25,
    "冠状动脉造影术": 60,
}
# What is given, and the dearer item that is billed in its place.
SWAPS = (
    ("红外线治疗", "推拿治疗"),
    ("中频脉冲电治疗", "康复运动疗法"),
    ("胸部正位片", "胸部CT平扫"),
    ("血糖", "糖化血红蛋白"),
    ("心电图", "动态心电图"),
    ("普通病房床位费", "二人间床位费"),
    ("奥美拉唑肠溶胶囊", "胃苏颗粒"),
    ("双氯芬酸钠缓释片", "氨基葡萄糖胶囊"),
    ("复方甘草口服溶液", "孟鲁司特钠片"),
    ("阿莫西林胶囊", "头孢克洛缓释片"),
)
RESOLD = (
    "他克莫司胶囊",
    "安罗替尼胶囊",
    "恩扎卢胺软胶囊",
    "甘精胰岛素注射液",
    "门冬胰岛素注射液",
    "沙美特罗替卡松粉吸入剂",
    "噻托溴铵粉吸入剂",
    "氯吡格雷片",
    "阿托伐他汀钙片",
)
CONTROLLED = ("奥氮平片", "舍曲林片", "劳拉西泮片")
