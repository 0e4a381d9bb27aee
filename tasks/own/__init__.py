"""A user's own data as tasks: folders of images, tables in CSV, JSON or Parquet, data sets in the hub's form, and cards.

scheme:PATH[key=value,...]  or  card:my-task.toml   ->  card.py: a Card, what is what in the data
folder.py, table.py, hub.py                         ->  Tables: rows with named columns, read when they are asked for
roles.py                                            ->  which column is image, label, text; the kind
dealing.py                                          ->  which row is train, val or test
task.py                                             ->  the Task
"""
