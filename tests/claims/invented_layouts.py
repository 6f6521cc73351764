"""Six invented layouts that the program does not know, for the tests of what it drafts for them.

Each layout names, for every column of its files, the contract column that a person would choose
(None where there is none). The files hold invented rows, 300 each, the same on every run.
"""

from __future__ import annotations

import csv
import random
from pathlib import Path

from tests.claims.invented_cells import (
    ICD9,
    ICD10,
    PEOPLE,
    PERSONEN,
    Cells,
    birth,
    moment,
    money,
    often_empty,
    pick,
    pool,
    unique,
    whole,
)

Layout = dict[str, tuple[str, list[tuple[str, str | None, Cells]]]]

LAYOUTS: dict[str, Layout] = {
    "english_his": {
        "encounters_2024.csv": (
            "claims",
            [
                ("EncounterNo", "claim_id", unique("E")),
                ("MRN", "insured_id", pool("M", 80)),
                ("Patient Name", None, PEOPLE),
                ("Facility Code", "institution_id", pool("F", 5)),
                ("Attending Doctor", "doctor_id", pool("D", 20)),
                ("Visit Type", "claim_type", pick("OP", "IP")),
                ("Admission Date", "service_at", moment("%d/%m/%Y %H:%M")),
                ("Discharge Date", "service_end_at", moment("%d/%m/%Y %H:%M", 3)),
                ("Bill Settled On", "known_at", moment("%d/%m/%Y", 9)),
                ("Gross Amount", "total_amount", money()),
                ("Insurance Paid", "fund_amount", money(0.7)),
                ("Patient Copay", "self_amount", money(0.3)),
                ("Primary Dx", "main_diagnosis", ICD10),
                ("Secondary Dx", None, ICD10),
                ("Ward", "department", pick("Cardiology", "Surgery", "Renal")),
                ("Remarks", None, often_empty(pick("see file", "ok"))),
            ],
        ),
        "charge_lines.csv": (
            "claim_lines",
            [
                ("LineNo", "line_id", unique("L")),
                ("EncounterNo", "claim_id", pool("E", 90, 6)),
                ("Order Date", "line_at", moment("%d/%m/%Y %H:%M")),
                ("Item Code", "item_code", pool("IT", 50)),
                ("Description", "item_name", pick("Amlodipine", "X-ray chest", "Dressing")),
                ("Category", "item_class", pick("Drug", "Imaging", "Lab", "Bed")),
                ("Qty", "quantity_milli", whole(1, 5)),
                ("Unit Price", "unit_price", money(0.1)),
                ("Line Total", "amount", money(0.3)),
                ("Ordering Doctor", "doctor_id", pool("D", 20)),
            ],
        ),
    },
    "chinese": {
        "住院结算.csv": (
            "claims",
            [
                ("结算流水号", "claim_id", unique("JS")),
                ("住院号", "stay_id", pool("ZY", 150)),
                ("姓名", None, PERSONEN),
                ("个人编号", "insured_id", pool("3301", 80)),
                ("医疗机构代码", "institution_id", pool("H", 6)),
                ("医疗机构名称", None, pick("第一医院", "中医院")),
                ("主治医生工号", "doctor_id", pool("YS", 25)),
                ("就诊类型", "claim_type", pick("住院", "门诊")),
                ("入院时间", "service_at", moment("%Y-%m-%d %H:%M:%S")),
                ("出院时间", "service_end_at", moment("%Y-%m-%d %H:%M:%S", 5)),
                ("结算时间", "known_at", moment("%Y-%m-%d %H:%M:%S", 6)),
                ("总费用(元)", "total_amount", money()),
                ("医保基金支付(元)", "fund_amount", money(0.6)),
                ("统筹支付(元)", "pooled_amount", money(0.55)),
                ("个人账户支付(元)", "account_amount", money(0.2)),
                ("个人自付(元)", "self_amount", money(0.2)),
                ("出院诊断编码", "main_diagnosis", ICD10),
                ("出院科室", "department", pick("内科", "外科", "骨科")),
                ("险种", "insurance_type", pick("310", "390")),
            ],
        ),
        "参保人员.csv": (
            "insured",
            [
                ("个人编号", "insured_id", unique("3301")),
                ("姓名", None, PERSONEN),
                ("身份证号", None, unique("99010119", 10)),
                ("性别", "sex", pick("男", "女")),
                ("出生日期", "birth_date", birth("%Y%m%d")),
                ("单位编号", "employer_id", pool("D", 30)),
                ("联系电话", None, unique("138", 8)),
                ("慢病标志", "chronic", pick("是", "否")),
            ],
        ),
    },
    "pinyin": {
        "t_jsxx.csv": (
            "claims",
            [
                ("jslsh", "claim_id", unique("9")),
                ("grbh", "insured_id", pool("7", 90)),
                ("xm", None, PERSONEN),
                ("yljgdm", "institution_id", pool("H", 6)),
                ("ysdm", "doctor_id", pool("Y", 22)),
                ("yllb", "claim_type", pick("11", "21", "41")),
                ("ryrq", "service_at", moment("%Y%m%d")),
                ("cyrq", "service_end_at", moment("%Y%m%d", 4)),
                ("jssj", "known_at", moment("%Y%m%d%H%M%S", 5)),
                ("zfy", "total_amount", money()),
                ("jjzf", "fund_amount", money(0.6)),
                ("tczf", "pooled_amount", money(0.5)),
                ("grzhzf", "account_amount", money(0.2)),
                ("xjzf", "self_amount", money(0.2)),
                ("zyzdbm", "main_diagnosis", ICD10),
                ("ksmc", "department", pick("内科", "外科")),
            ],
        ),
        "t_fymx.csv": (
            "claim_lines",
            [
                ("mxlsh", "line_id", unique("5")),
                ("jslsh", "claim_id", pool("9", 90)),
                ("fyfssj", "line_at", moment("%Y%m%d%H%M%S")),
                ("xmbm", "item_code", pool("X", 60)),
                ("xmmc", "item_name", pick("氨氯地平片", "血常规", "床位费")),
                ("fylb", "item_class", pick("西药", "化验", "床位")),
                ("sl", "quantity_milli", whole(1, 4)),
                ("dj", "unit_price", money(0.1)),
                ("je", "amount", money(0.3)),
                ("kdys", "doctor_id", pool("Y", 22)),
            ],
        ),
    },
    "us_claims": {
        "claims_extract.csv": (
            "claims",
            [
                ("claim_number", "claim_id", unique("C")),
                ("member_id", "insured_id", pool("W", 80)),
                ("member_first_name", None, PEOPLE),
                ("billing_provider_npi", "institution_id", pool("1", 9)),
                ("rendering_npi", "doctor_id", pool("18", 25)),
                ("claim_type", "claim_type", pick("Inpatient", "Outpatient", "Pharmacy")),
                ("from_date", "service_at", moment("%m/%d/%Y")),
                ("thru_date", "service_end_at", moment("%m/%d/%Y", 2)),
                ("paid_date", "known_at", moment("%m/%d/%Y", 30)),
                ("billed_amount", "total_amount", money(1.0, "${:,.2f}")),
                ("plan_paid_amt", "fund_amount", money(0.7, "${:,.2f}")),
                ("member_liability", "self_amount", money(0.3, "${:,.2f}")),
                ("dx1", "main_diagnosis", ICD9),
                ("dx2", None, often_empty(ICD9, 0.3)),
                ("ms_drg", "drg_code", pick("470", "291", "871")),
                ("lob", "insurance_type", pick("MA", "COM")),
                (
                    "claim_status",
                    None,
                    pick(
                        "PAID",
                    ),
                ),
            ],
        ),
        "members.csv": (
            "insured",
            [
                ("member_id", "insured_id", unique("W")),
                ("last_name", None, PEOPLE),
                ("gender", "sex", pick("M", "F", "U")),
                ("dob", "birth_date", birth("%m/%d/%Y")),
                ("zip", None, pick("10001", "94110")),
                ("group_number", "employer_id", pool("G", 20)),
                ("phone", None, unique("555", 7)),
            ],
        ),
    },
    # The last two were written after the synonyms; no synonym was added for them since.
    "held_out_camel": {
        "InvoiceExport.csv": (
            "claims",
            [
                ("invoiceNumber", "claim_id", unique("INV")),
                ("patientIdentifier", "insured_id", pool("P", 80)),
                ("surname", None, PEOPLE),
                ("hospitalId", "institution_id", pool("H", 5)),
                ("treatingPhysicianId", "doctor_id", pool("A", 20)),
                ("careSetting", "claim_type", pick("inpatient", "outpatient")),
                ("treatmentStart", "service_at", moment("%d.%m.%Y")),
                ("treatmentEnd", "service_end_at", moment("%d.%m.%Y", 4)),
                ("processedDate", "known_at", moment("%d.%m.%Y", 20)),
                ("totalCost", "total_amount", money()),
                ("insurerShare", "fund_amount", money(0.8)),
                ("patientShare", "self_amount", money(0.2)),
                ("icdCode", "main_diagnosis", ICD10),
                ("departmentName", "department", pick("Innere", "Chirurgie")),
            ],
        ),
        "Hospitals.csv": (
            "institutions",
            [
                ("hospitalId", "institution_id", unique("H")),
                ("hospitalName", None, unique("Haus ")),
                ("ownershipType", "institution_class", pick("public", "private")),
                ("careLevel", "level", pick("1", "2", "3")),
                ("countyCode", "district", pool("K", 9)),
                ("bedCapacity", "licensed_beds", whole(20, 900)),
            ],
        ),
    },
    "held_out_chinese": {
        "门诊就诊明细表.csv": (
            "claims",
            [
                ("门诊号", "claim_id", unique("MZ")),
                ("患者姓名", None, PERSONEN),
                ("医保卡号", "insured_id", pool("K", 80)),
                ("院区编码", "institution_id", pool("Y", 3)),
                ("接诊医生编码", "doctor_id", pool("S", 20)),
                ("就诊方式", "claim_type", pick("普通门诊", "急诊")),
                ("挂号时间", "service_at", moment("%Y/%m/%d %H:%M")),
                ("收费时间", "known_at", moment("%Y/%m/%d %H:%M", 1)),
                ("费用合计", "total_amount", money()),
                ("医保报销", "fund_amount", money(0.6)),
                ("账户支付", "account_amount", money(0.2)),
                ("现金", "self_amount", money(0.2)),
                ("ICD10编码", "main_diagnosis", ICD10),
                ("诊断名称", None, pick("高血压", "糖尿病")),
                ("就诊科室", "department", pick("内科", "外科")),
                (
                    "备注",
                    None,
                    often_empty(
                        pick(
                            "无",
                        )
                    ),
                ),
            ],
        ),
        "药品收费.csv": (
            "claim_lines",
            [
                ("处方明细ID", "line_id", unique("CF")),
                ("门诊号", "claim_id", pool("MZ", 90)),
                ("开方时间", "line_at", moment("%Y/%m/%d %H:%M")),
                ("国家编码", "item_code", pool("XA", 40)),
                ("药品名称", "item_name", pick("氨氯地平片", "二甲双胍片")),
                ("费用大类", "item_class", pick("西药费", "中成药费")),
                ("发药数量", "quantity_milli", whole(1, 6)),
                ("零售价", "unit_price", money(0.1)),
                ("总金额", "amount", money(0.3)),
                ("开方医生", "doctor_id", pool("S", 20)),
            ],
        ),
    },
}


def write_layout(layout: str, folder: Path, rows: int = 300) -> list[Path]:
    paths = []
    for name, (_, columns) in LAYOUTS[layout].items():
        path = folder / name
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([header for header, *_ in columns])
            random_numbers = random.Random(11)
            writer.writerows([c(random_numbers, i) for *_, c in columns] for i in range(rows))
        paths.append(path)
    return paths
