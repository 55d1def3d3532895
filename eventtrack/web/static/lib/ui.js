/** What every module draws with: Preact's hooks and signals, and htm's templates for it. */
import { h, render, Component, Fragment, createElement } from "preact";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { signal, computed, effect } from "@preact/signals";
import htm from "htm";

export const html = htm.bind(h);
export { render, Component, Fragment, createElement, signal, computed, effect };
export { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState };
