"""The folder of one run, `outputs/<date_time>/`: what people look at afterwards.

server/     round_N.json (what happened), report_N.json (the round's report as published)
clients/    <node>/round_N.json
models/     round_N/: a folder that LeRobot loads, with pre- and post-processors
evaluate/   round_N/evaluation.json, rollouts.json, <task>_<episode>.mp4
eval_mse_history.json, eval_mse_chart.png
"""
