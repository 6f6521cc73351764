"""Columns of every simulated file beside claims and lines, and the key of each."""

from __future__ import annotations

HEADERS = {
    "diag_list.csv": "setl_id,diag_srt_no,diag_code,diag_name,diag_type,maindiag_flag",
    "oprn_list.csv": "setl_id,oprn_oprt_sn,oprn_oprt_code,oprn_oprt_name,main_oprn_flag,"
    "oprn_lv_code,oprn_oprt_begntime,oprn_oprt_endtime,oper_dr_code",
    "drug_trac.csv": "drug_trac_codg,fixmedins_code,med_list_codg,sel_retn_type,sel_retn_time,"
    "setl_id,feedetl_sn",
    "emp_info.csv": "emp_no,emp_type,inds_codg,insu_admdvs,fixmedins_code,insu_date",
    "psn_insu.csv": "psn_no,insutype,emp_no,psn_type,psn_insu_stas,insuplc_admdvs,psn_insu_date,"
    "paus_insu_date",
    "emp_contr.csv": "emp_no,psn_no,insutype,clct_ym,psn_clctstd,wag,emp_clct_amt,psn_clct_amt,"
    "clct_date",
    "fund_ledger.csv": "fund_pay_type,setl_ym,inc_amt,expd_amt,bgt_amt,balc,crte_time",
    "dr_prac.csv": "dr_codg,fixmedins_code,caty,main_prac_flag,begndate,enddate",
    "dr_absn.csv": "dr_codg,absn_type,begndate,enddate",
    "lic_list.csv": "lic_no,fixmedins_code,lic_type,biz_scp,lic_stas,begndate,enddate",
    "bed_list.csv": "fixmedins_code,dept_codg,aprv_bed_cnt,opn_bed_cnt,begndate,enddate",
    "eqp_list.csv": "fixmedins_code,eqp_type,eqp_cnt,day_capc,begndate,enddate",
    "medins_hour.csv": "fixmedins_code,wkdy,begn_hhmm,end_hhmm,er_flag,begndate,enddate",
    "invt_list.csv": "medins_prod_invchg_no,fixmedins_code,med_list_codg,inv_chg_type,cnt,pric,"
    "inv_chg_time",
    "inspector_info.csv": "insp_no,insp_dept,insp_prfs,admdvs,lead_flag,psn_no,begndate,enddate",
    "insp_conf.csv": "conf_id,insp_no,conf_type,fixmedins_code,dr_codg,begndate,enddate",
    "dist_list.csv": "fixmedins_code,oth_fixmedins_code,dist_mtr,trvl_min",
    "wht_list.csv": "wht_id,wht_type,psn_no,fixmedins_code,begndate,enddate",
    "insp_hist.csv": "case_no,fixmedins_code,setl_id,insp_chnl,insp_date,insp_rslt,ovpd_amt,"
    "insp_rea,crte_time",
    "appl_list.csv": "appl_no,case_no,appl_date,dcsn_date,dcsn_rslt,ovpd_amt",
    "ref_item.csv": "med_list_codg,hilist_name,med_chrgitm_type,list_type,chrgitm_lv,"
    "selfpay_prop,rsal_flag,psyc_flag,begndate,enddate",
    "ref_age_limit.csv": "code_type,lmt_codg,age_unit,min_age,max_age,begndate,enddate",
    "ref_sex_code.csv": "code_type,lmt_codg,gend,begndate,enddate",
    "ref_excl_pair.csv": "med_list_codg,excl_list_codg,excl_scp,excp_flag,begndate,enddate",
    "ref_freq_limit.csv": "med_list_codg,cyc_type,max_cnt,begndate,enddate",
    "ref_indication.csv": "med_list_codg,diag_code,begndate,enddate",
    "ref_pay_limit.csv": "med_list_codg,lmt_type,lmt_val,begndate,enddate",
    "ref_oprn_disc.csv": "med_list_codg,oprn_oprt_sn,disc_prop,begndate,enddate",
    "ref_srv_min.csv": "med_list_codg,srv_min,begndate,enddate",
    "ref_drg.csv": "drg_code,hosp_lv,drg_wt,pay_std,avg_ipt_days,begndate,enddate",
    "ref_policy.csv": "insutype,plc_type,hosp_lv,plc_amt,begndate,enddate",
    "ref_holiday.csv": "hday_type,begndate,enddate",
}


KEYS = {
    "diag_list.csv": ["setl_id", "diag_srt_no"],
    "oprn_list.csv": ["setl_id", "oprn_oprt_sn"],
    "drug_trac.csv": ["drug_trac_codg", "fixmedins_code", "sel_retn_type", "sel_retn_time"],
    "emp_info.csv": ["emp_no"],
    "psn_insu.csv": ["psn_no", "insutype", "psn_insu_date"],
    "emp_contr.csv": ["emp_no", "psn_no", "insutype", "clct_ym"],
    "fund_ledger.csv": ["fund_pay_type", "setl_ym"],
    "dr_prac.csv": ["dr_codg", "fixmedins_code", "begndate"],
    "dr_absn.csv": ["dr_codg", "begndate"],
    "lic_list.csv": ["lic_no", "begndate"],
    "bed_list.csv": ["fixmedins_code", "dept_codg", "begndate"],
    "eqp_list.csv": ["fixmedins_code", "eqp_type", "begndate"],
    "medins_hour.csv": ["fixmedins_code", "wkdy", "begndate"],
    "invt_list.csv": ["medins_prod_invchg_no"],
    "dist_list.csv": ["fixmedins_code", "oth_fixmedins_code"],
    "wht_list.csv": ["wht_id"],
    "insp_hist.csv": ["case_no"],
    "appl_list.csv": ["appl_no"],
    "ref_item.csv": ["med_list_codg", "begndate"],
    "ref_age_limit.csv": ["code_type", "lmt_codg", "begndate"],
    "ref_excl_pair.csv": ["med_list_codg", "excl_list_codg", "begndate"],
    "ref_indication.csv": ["med_list_codg", "diag_code", "begndate"],
    "ref_drg.csv": ["drg_code", "hosp_lv", "begndate"],
    "ref_policy.csv": ["insutype", "plc_type", "hosp_lv", "begndate"],
}
