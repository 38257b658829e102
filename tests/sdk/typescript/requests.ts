/** Requests that several test files share. */

import type { Cohere } from "cohere-ai";

export const TOOLS: Cohere.ToolV2[] = [
    {
        type: "function",
        function: {
            name: "get_weather",
            description: "Weather of a place",
            parameters: { type: "object", properties: { place: { type: "string" } }, required: ["place"] },
        },
    },
];

export const DOCUMENTS: Cohere.V2ChatRequestDocumentsItem[] = [
    { id: "tides", data: { title: "Tides", text: "The moon pulls the sea and makes the tides." } },
    { id: "bread", data: { title: "Bread", text: "Bread rises because yeast makes gas." } },
];
