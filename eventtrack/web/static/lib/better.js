/** Which way a metric gets better, as far as its name says so. */

const WORDS = (words) => new RegExp(`(^|[^a-z])(${words})($|[^a-z])`, "i");
const LESS = WORDS("loss|losses|err|error|mse|rmse|mae|mape|nll|ppl|perplexity|wer|cer|fid|fpr|fnr");
const MORE = WORDS("acc|accuracy|auc|auroc|f1|precision|recall|r2|bleu|rouge|iou|miou|dice|psnr|ssim|reward|score");

/** @returns {"less" | "more" | null} null where nobody can know: a learning rate, a duration */
export function betterWhen(key) {
  const words = key.replace(/([a-z])([A-Z])/g, "$1 $2").replace(/\d+$/, "");
  const less = LESS.test(key) || LESS.test(words);
  const more = MORE.test(key) || MORE.test(words);
  return less === more ? null : less ? "less" : "more";
}

/** The best of some values of a metric; undefined where that is not known, or where all are alike. */
export function bestOf(key, values) {
  const way = betterWhen(key);
  const known = values.filter((value) => typeof value === "number");
  if (!way || known.length < 2 || new Set(known).size < 2) return undefined;
  return way === "less" ? Math.min(...known) : Math.max(...known);
}
