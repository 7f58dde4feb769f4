import { expect, it } from "vitest"
import { chooseFiles, type Split } from "./split.js"

const choose = (paths: string[], split: Split) => chooseFiles(paths, split, "org/data")

it.each<[string, string[], Split, string[]]>([
  [
    "data/split-*",
    ["data/test-00000-of-00001.parquet", "data/train-00000-of-00001.parquet"],
    { split: "test" },
    ["data/test-00000-of-00001.parquet"],
  ],
  [
    "named beginning",
    ["data/validation-0.parquet", "data/dev-0.parquet"],
    { files: "data/validation-", split: "val" },
    ["data/validation-0.parquet"],
  ],
  [
    "folder of the config",
    ["standard (10 options)/test-00000-of-00001.parquet", "vision/test-00000-of-00001.parquet"],
    { config: "vision", split: "test" },
    ["vision/test-00000-of-00001.parquet"],
  ],
  [
    "config and split folders",
    ["en/dev/0000.parquet", "en/test/0000.parquet", "cn/dev/0000.parquet"],
    { config: "en", split: "dev" },
    ["en/dev/0000.parquet"],
  ],
  ["the only file, called alike", ["dev_data.tsv"], { split: "validation" }, ["dev_data.tsv"]],
  ["one file at the root", ["README.md", "mmstar.parquet"], { split: "val" }, ["mmstar.parquet"]],
  [
    "a split's file at the root",
    ["test.parquet", "train.parquet"],
    { config: "default", split: "test" },
    ["test.parquet"],
  ],
  [
    "all shards in order",
    ["data/test-00001-of-00002.parquet", "data/test-00000-of-00002.parquet"],
    { split: "test" },
    ["data/test-00000-of-00002.parquet", "data/test-00001-of-00002.parquet"],
  ],
  [
    "Parquet rather than what it was made of",
    ["test.jsonl", "data/test.parquet"],
    { split: "test" },
    ["data/test.parquet"],
  ],
  ["test, not testing", ["data/testing-0.parquet", "data/test-0.parquet"], { split: "test" }, ["data/test-0.parquet"]],
])("finds %s", (_, paths, split, chosen) => {
  expect(choose(paths, split)).toEqual(chosen)
})

it("says what is missing", () => {
  const shards = ["data/test-00000-of-00002.parquet"]
  expect(() => choose(shards, { split: "test" })).toThrow(
    "data/test-00001-of-00002.parquet is missing: it is one of 2 files",
  )
  expect(() => choose(["a.parquet", "b.parquet"], { split: "test", config: "en" })).toThrow(
    "none of its files is of en, test",
  )
  expect(() => choose(["data/train-00000-of-00001.parquet"], { split: "test" })).toThrow("none of its files is of test")
  expect(() => choose(["a.parquet", "b.parquet"], {})).toThrow(/which of them are meant is not said/)
  expect(() => choose(["README.md"], { split: "test" })).toThrow("there is no data in it")
})
