/**
 * The public library. Everything here is stable; deeper imports are not. Whatever a function takes can be made with what
 * is exported, and every type that a signature names is here too (`npm run docs` refuses others). Tensors: diffusionvl/torch.
 */

// Ask a model.

export { UserError } from "./errors.js"
export {
  type GenerateEvent,
  type GenerateOptions,
  type GenerateStats,
  generate,
  generateText,
  type RequestEvent,
} from "./generate/generate.js"
export type { EncodedImage, ImageSource } from "./generate/image-source.js"
export { type PrepareOptions, preparePrompt } from "./generate/prepare.js"
export { type AnswerSize, requestBytes } from "./generate/request-bytes.js"
export { type AnswerScore, type ScoreOptions, scoreAnswers } from "./generate/score.js"
export { loadSession, openModel, type Session, type SessionOptions } from "./generate/session.js"
export type { AnswerFormat } from "./grammar/format.js"
export type { DownloadOptions, HubEvent } from "./hub/download.js"
export type { Proxies } from "./hub/proxy.js"
export type { ResolveOptions } from "./hub/resolve.js"
export type { HubSettings } from "./hub/settings.js"
export { type DecodeImageOptions, decodeImage, type RgbImage } from "./image/decode.js"
export type { DecodingOptions } from "./paradigms/decoding-options.js"
export { type AppliedSetting, DecodingReport, type Origin, type SettingLeftOut } from "./paradigms/decoding-report.js"
export { type ChatFormat, IGNORE, IMAGE, imagePrompt, type Message, type Part } from "./text/conversation.js"
export type { Cut } from "./text/tokenizer/cuts.js"
export { Tokenizer } from "./text/tokenizer/tokenizer.js"

// Serve models, and ask a model here or a server: docs/guide/serving.md, docs/guide/streaming.md.

export type {
  Client,
  ClientEvent,
  ClientOptions,
  ClientRequest,
  ClientStatistics,
  ListedModel,
} from "./serve/client/client.js"
export { createClient } from "./serve/client/create.js"
export type { ModelToServe } from "./serve/engine/messages.js"
export type { AskedDecoding, CommittedToken, DraftToken, ServedModel } from "./serve/request.js"
export type { RunningServer } from "./serve/running-server.js"
export { serve } from "./serve/serve.js"
export type { LogEntry, ServeLimits, ServeOptions } from "./serve/settings.js"

// Models and their folders.

export type { ModelConfig, TextConfig, TokenConfig } from "./checkpoint/config.js"
export type { ElementType } from "./checkpoint/element-types.js"
export type { GenerationConfig, GenerationValues } from "./checkpoint/generation-config.js"
export type { Json } from "./checkpoint/json.js"
export type { FileDigest } from "./checkpoint/manifest.js"
export type { ParadigmRecord } from "./checkpoint/paradigm-record.js"
export { readTorchFile } from "./checkpoint/pickle/torch-file.js"
export { bytesOf, type TensorView } from "./checkpoint/tensor-view.js"
export { type Checkpoint, type DequantisedType, readCheckpoint } from "./models/checkpoint.js"
export { type LoadedModel, type LoadOptions, loadModel } from "./models/load.js"
export { normaliseConfig } from "./models/read-config.js"
export { type InitialiseOptions, newModel } from "./models/registry.js"
export { saveModel } from "./models/save.js"
export type { ForwardInput, ImageInput, LanguageModel } from "./models/types.js"
export { type ConvertOptions, convert } from "./paradigms/convert.js"
export { type MergeOptions, merge } from "./paradigms/merge.js"
export { asParadigm } from "./paradigms/translate.js"

// Adapters: docs/guide/lora.md, examples/08-learn-an-adapter.ts.

export type { LoraSettings, ModuleNames } from "./checkpoint/peft-config.js"
export type { TensorEntry } from "./checkpoint/safetensors/safetensors-writer.js"
export { type Adapter, type AdapterValues, newValues } from "./models/adapters/adapter.js"
export {
  type AdapterPlan,
  type AdapterPlanOptions,
  type LowRankPlan,
  planAdapter,
} from "./models/adapters/adapter-plan.js"
export { type SaveAdapterOptions, saveAdapter } from "./models/adapters/save-adapter.js"
export type { NewAdapter } from "./models/load.js"
export { type Module, type ModuleLayer, Modules } from "./models/modules.js"
export type { WeightAdapters } from "./models/weight-source.js"
export type { LowRank, LowRankPart, RowRange } from "./nn/low-rank.js"
export type { TokenRows } from "./nn/token-rows.js"

// Train one: as a recipe says, or in a loop of one's own.

export { type Random, randomFrom } from "./data/prng.js"
export { withDropout } from "./nn/dropout.js"
export { autoregressiveObjective } from "./paradigms/autoregressive/objective.js"
export { type LossUnit, meanLoss, type Objective, type TrainingBatch, type TrainingSample } from "./paradigms/batch.js"
export type { CleanContext, TokenShift } from "./paradigms/block-diffusion/needed-positions.js"
export type { NoiseSchedule } from "./paradigms/block-diffusion/noise.js"
export { type BlockDiffusionOptions, blockDiffusionObjective } from "./paradigms/block-diffusion/objective.js"
export type { BlockDiffusionRecipe } from "./paradigms/block-diffusion/recipe.js"
export { type FullDiffusionOptions, fullDiffusionObjective } from "./paradigms/full-diffusion/objective.js"
export type { FullDiffusionRecipe } from "./paradigms/full-diffusion/recipe.js"
export type { TurnMarks, TurnRule } from "./paradigms/full-diffusion/turns.js"
export type { ImageSpan } from "./text/image-span.js"
export type { ImageRun } from "./text/layout.js"
export { keepFreedMemory } from "./torch/memory.js"
export { TrainingData } from "./train/data.js"
export type { StepMetrics } from "./train/metrics.js"
export { AdamW, type AdamWOptions, type Parameter } from "./train/optimizer.js"
export type { TrainingConfig } from "./train/recipe/config.js"
export type { OptionValue, Override } from "./train/recipe/overrides.js"
export { readTrainingPlan, readTrainingRecipe, type Stage, type TrainingPlan } from "./train/recipe/plan.js"
export { type PlanEvent, runPlan, type StageOutcome } from "./train/run/run-plan.js"
export { finishedModel, type TrainingEvent, type TrainOptions, train } from "./train/trainer.js"

// Decode token ids, step by step.

export type { PrefixCacheOptions } from "./execution/cache-limits.js"
export {
  Executor,
  type ExecutorOptions,
  type RequestSize,
  type RunOptions,
} from "./execution/executor.js"
export type { PictureFeatures } from "./execution/picture-cache.js"
export type { ShownPictures } from "./execution/shown-pictures.js"
export type { ExecutorStatistics, KeptStatistics } from "./execution/statistics.js"
export {
  type AutoregressiveDecoderOptions,
  autoregressiveDecoding,
  type NextTokenChoice,
} from "./paradigms/autoregressive/decoder.js"
export type { ProcessorOptions, ProcessorState } from "./paradigms/autoregressive/logits-processors.js"
export { type BlockDecoderOptions, blockDecoding } from "./paradigms/block-diffusion/decoder.js"
export type { BlockChoice } from "./paradigms/block-diffusion/denoiser.js"
export type { Constraint } from "./paradigms/constraint.js"
export { type ConstraintOptions, constraintOf } from "./paradigms/constraint-of.js"
export type {
  CommitEvent,
  DecodeDone,
  DecodeEvent,
  DecodeStats,
  ForwardTrace,
  PrefillEvent,
  StepEvent,
} from "./paradigms/decode-events.js"
export type {
  Branches,
  DecodeLoop,
  Decoding,
  ForwardRequest,
  ForwardResult,
  PlainRule,
} from "./paradigms/decode-loop.js"
export type { FullChoice } from "./paradigms/full-diffusion/choice.js"
export { type FullDiffusionDecoderOptions, fullDiffusionDecoding } from "./paradigms/full-diffusion/decoder.js"
export type { Prompt } from "./paradigms/prompt.js"
export {
  type Predictions,
  type Sampling,
  type SamplingOptions,
  sampleTokens,
  type UniformSource,
} from "./paradigms/sampling.js"

// Evaluate a model on benchmarks, and on tasks of one's own: docs/guide/evaluation.md.

export type { Answerer, AskOptions, Failed, Reply, ReuseStatistics } from "./eval/answerer/answerer.js"
export type { RemoteOptions } from "./eval/answerer/remote.js"
export { type LocalSubjectOptions, localSubject, remoteSubject, type Subject } from "./eval/answerer/subject.js"
export { type ComparedTask, type CompareOptions, type Comparison, compareRuns } from "./eval/compare/compare.js"
export type { DifferingSample } from "./eval/compare/differing-samples.js"
export type { Paired } from "./eval/compare/paired.js"
export type {
  Documents,
  OpenOptions as OpenDocumentsOptions,
  RowRange as DocumentRange,
  Wanted as DocumentParts,
} from "./eval/documents/documents.js"
export type { Split } from "./eval/documents/split.js"
export { type MetricToolsOptions, metricTools } from "./eval/metric-tools.js"
export { type FileTask, readTaskFile } from "./eval/own-task/task-file.js"
export { type Perplexity, type PerplexityEvent, type PerplexityOptions, perplexity } from "./eval/perplexity.js"
export type { Choice } from "./eval/results/choices.js"
export type { ScoredTask } from "./eval/results/files/results-json.js"
export { type RescoreOptions, rescore } from "./eval/results/rescore.js"
export { type AnsweredTask, type ScoreRunOptions, scoreRun } from "./eval/results/score-run.js"
export type { Answers } from "./eval/results/score-task.js"
export type { ScoredRun } from "./eval/results/scored-run.js"
export type { Certainty, ExplainedTally, MetricResult, Speed, Tally, TaskResult } from "./eval/results/task-result.js"
export type { WrongAnswer } from "./eval/results/wrong-answers.js"
export { type Evaluated, type EvaluateOptions, evaluate, type Observer, type RunningTask } from "./eval/run/evaluate.js"
export type { ChoiceLikelihood, KeptAnswer } from "./eval/run/kept-answer.js"
export { type MergeOptions as MergeRunsOptions, mergeRuns } from "./eval/run/merge.js"
export { closeTasks, type OpenTask, type OpenTasksOptions, openTasks } from "./eval/run/open-tasks.js"
export type { ModelRecord, RunRecord, TaskRecord } from "./eval/run/run-record.js"
export type { Shard } from "./eval/run/selection.js"
export type { Interval as ConfidenceInterval } from "./eval/statistics/intervals.js"
export type { McNemar } from "./eval/statistics/mcnemar.js"
export type { ResamplingOptions } from "./eval/statistics/resampling.js"
export type { GenerationOptions } from "./eval/task/generation-settings.js"
export type { PythonRandom } from "./eval/task/python-random.js"
export type {
  Answered,
  Asked,
  Compat,
  Counted,
  Doc,
  DocPicture,
  HubSource,
  MetricTools,
  PartScore,
  Task,
  TaskMetric,
} from "./eval/task/task.js"
export { allTasks, findTasks, registerTask, taskGroups } from "./eval/tasks/index.js"
export { pictureOf, picturesOf } from "./eval/tasks/parts/document.js"
export { meanMetric } from "./eval/tasks/parts/mean-metric.js"

// Compare texts, and metrics of one's own: docs/guide/ablate.md.

export {
  type BertScoreBaseline,
  type BertScoreOptions,
  type BertScores,
  bertScore,
  ROBERTA_LARGE_BASELINE,
} from "./eval/bertscore.js"
export { type Judged, type Metric, type MetricMaker, registerMetric } from "./eval/metrics.js"
export { loadTextEncoder, type TextEncoder, type TextEncoderOptions } from "./models/encoders/text-encoder.js"

// Another family of models: docs/guide/add-a-model.md.

export type { ImageSettings } from "./checkpoint/image-settings.js"
export {
  type JoinRule,
  kept,
  type Layout,
  type RenameRule,
  type Reorder,
  type Rule,
  type SplitRule,
} from "./checkpoint/layout.js"
export type { PictureSize } from "./image/picture-size.js"
export type { ImagePiece } from "./image/processors/pieces.js"
export type { Work } from "./in-turns.js"
export type {
  Architecture,
  ConfigFiles,
  ImageProcessor,
  NamedToken,
  PictureOptions,
  PictureSetting,
  PixelLimits,
} from "./models/architecture.js"
export { Decoder } from "./models/decoder/decoder.js"
export type { DecoderConfig, DecoderFacts, DecoderJson } from "./models/decoder/decoder-config.js"
export type { MropePositions } from "./models/decoder/mrope-positions.js"
export { architectures, registerArchitecture } from "./models/registry.js"
export { decoderLayout, type TextFamily, type TextModelConfig, textModel } from "./models/text-model.js"
export { takeLinear, type WeightSource } from "./models/weight-source.js"
export { KvCache, type KvCacheShape } from "./nn/kv-cache.js"
export type { Linear } from "./nn/linear.js"
export type { RopeScaling } from "./nn/rope-scaling.js"

// A vision-language model from a language model and a vision tower: docs/guide/from-a-language-model.md.

export {
  type ComposedModel,
  type ComposeLayout,
  type ComposeOptions,
  composeModel,
} from "./models/compose/compose.js"
export type { FilesBeside } from "./models/compose/form.js"
export type { PartName, PartsRecord } from "./models/compose/parts.js"
export { saveComposed, saveParts } from "./models/compose/save-composed.js"
export { loadCheckpoint } from "./models/load.js"

// Another vision tower, or a connector: docs/guide/add-a-tower.md.

export type { TileArrangement, TileGrid } from "./image/processors/tile-arrangement.js"
export type { Connector, ConnectorConfig, ConnectorFamily } from "./models/connectors/connector.js"
export { connectorNamed, registerConnector } from "./models/connectors/registry.js"
export type { TileFeatures } from "./models/towers/features.js"
export { readTower, type TowerFolder } from "./models/towers/folder.js"
export { readTowerConfig, registerTower } from "./models/towers/registry.js"
export { type NewTower, saveTower } from "./models/towers/save.js"
export type {
  ConfigPlace,
  FeatureGrid,
  FeatureSelection,
  TileTower,
  TowerConfig,
  TowerFamily,
  VisionTower,
} from "./models/towers/tower.js"
export type { FeatureSource, FeatureStore } from "./models/vision/feature-store.js"
export {
  rowsOfTile,
  type TiledImage,
  TiledVision,
  type TiledVisionConfig,
  type TileMerge,
} from "./models/vision/tiled-vision.js"
export type { Activation } from "./nn/mlp.js"
export { type LayerRun, runLayer } from "./nn/run-layer.js"

// Another paradigm: docs/guide/add-a-paradigm.md.

export {
  type AttentionPattern,
  bidirectional,
  blockCausal,
  causal,
  type Interval,
  type Span,
} from "./nn/attention-pattern.js"
export { forwardSelected, inputOf, type SelectedPositions } from "./paradigms/batch.js"
export { tokenCrossEntropy } from "./paradigms/cross-entropy.js"
export {
  LikelihoodPlan,
  type LikelihoodPlanOptions,
  type PlannedRows,
  type PredictedToken,
  type PromptBeginning,
} from "./paradigms/likelihood/plan.js"
export type { Likelihood, LikelihoodScoring, Targets } from "./paradigms/likelihood/scoring.js"
export type {
  DecodingSettings,
  LayoutSettings,
  LikelihoodBound,
  LikelihoodOptions,
  ObjectiveFunction,
  ObjectiveOptions,
  OpenedModel,
  Paradigm,
} from "./paradigms/paradigm.js"
export {
  type AnyParadigm,
  type ParadigmSections,
  paradigmNamed,
  paradigms,
  registerParadigm,
} from "./paradigms/registry.js"
export { EmbeddingSources, type SequenceInput } from "./paradigms/sequence-input.js"
export type { AnswerSpan } from "./text/formats/answer-spans.js"
export { type LayoutOptions, layOut, type SequenceLayout } from "./text/layout.js"
export type { Encoded, EncodeOptions, LearnedTokens } from "./text/writer.js"
